"""How many processor cores there are for us."""

import os


def available_cores():
    """Processor cores this process may use, where the system tells; otherwise all."""
    if hasattr(os, "sched_getaffinity"):  # macOS and Windows have no such thing
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
