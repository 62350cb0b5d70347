"""The command line: python -m simclr_utils run."""

import argparse
import os
import sys
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def build_parser():
    parser = argparse.ArgumentParser(prog="python -m simclr_utils", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        help="execute the notebooks in order and print the table of results",
    )
    run.add_argument(
        "--source",
        default="shapes",
        help="a folder of images (train/<class>/, test/<class>/, unlabeled/), or shapes, cifar10, "
        "fashion_mnist, stl10, medmnist:<name> (default: shapes)",
    )
    run.add_argument(
        "--preset",
        choices=("tiny", "quick", "full"),
        default="quick",
        help="how much is computed: seconds, minutes, or what results come from (default: quick)",
    )
    run.add_argument("--seed", type=int, default=0, help="an integer (default: 0)")
    run.add_argument(
        "--notebooks", default="01-05", help="such as 03, 01-03 or 01,04 (default: 01-05)"
    )
    run.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="a parameter of the notebooks that have it; may be repeated",
    )
    run.add_argument(
        "--out",
        metavar="DIR",
        help="the folder to write, or to continue; runs/<source>-<preset> when left out",
    )
    return parser


def main(arguments=None):
    """Runs the command line; returns the exit code."""
    options = build_parser().parse_args(arguments)
    # A backend set for scripts would keep the figures out of the notebooks.
    os.environ.pop("MPLBACKEND", None)
    # Imported late: the help is to answer at once.
    from simclr_utils import headless

    try:
        finished = headless.run(
            headless.select_notebooks(NOTEBOOKS, options.notebooks),
            source=options.source,
            preset=options.preset,
            seed=options.seed,
            settings=headless.parse_settings(options.settings),
            out=options.out,
        )
    except headless.RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if finished else 1


if __name__ == "__main__":
    sys.exit(main())
