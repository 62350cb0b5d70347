"""The options and the output that all implementations share, so that they are timed alike."""

import argparse
import json

BATCH_SIZE = 256
NUM_WARM_UP = 4


def build_parser(description):
    """Returns the parser of an implementation, which may add its own options."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder")
    parser.add_argument("--steps", type=int, default=40, help="timed steps after the warm-up")
    return parser


def report(ends):
    """Prints the pairs of views a second as JSON.

    Args:
        ends: list of floats, when each step ended, the warm-up included.
    """
    timed = ends[NUM_WARM_UP - 1 :]
    seconds = (timed[-1] - timed[0]) / (len(timed) - 1)
    print(json.dumps({"pairs_per_second": BATCH_SIZE / seconds}))
