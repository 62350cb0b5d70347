"""What every way takes and prints, so that all are timed alike."""

import argparse
import json

BATCH_SIZE = 256
NUM_WARM_UP = 4


def build_parser(description):
    """The command line of a way; it may add options of its own."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder")
    parser.add_argument("--steps", type=int, default=40, help="that are timed, after the warm-up")
    return parser


def report(ends):
    """Prints the pairs of views a second as JSON.

    Args:
        ends: list of floats, when each step ended, the warm-up included.
    """
    timed = ends[NUM_WARM_UP - 1 :]
    seconds = (timed[-1] - timed[0]) / (len(timed) - 1)
    print(json.dumps({"pairs_per_second": BATCH_SIZE / seconds}))
