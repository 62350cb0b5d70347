"""Does contrastive pretraining help on these images? The command line of the course."""

import argparse
import os
import sys
from pathlib import Path

from simclr_utils.parameters import PRESET_NAMES
from simclr_utils.session import environment_precision, print_anything, set_environment

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


SOURCE_HELP = (
    "a folder of images (train/<class>/, validation/<class>/, test/<class>/, unlabeled/; with "
    "unlabeled/ alone an encoder and no verdict; ./shapes is always a folder), or shapes, cifar10, "
    "fashion_mnist, stl10, medmnist:<name> (default: shapes)"
)


def build_parser():
    parser = argparse.ArgumentParser(prog="python -m simclr_utils", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        allow_abbrev=False,
        help="execute the notebooks in order and print the table of results",
    )
    add_common_options(run, "quick", "a parameter of the notebooks that have it")
    run.add_argument("--seed", type=int, default=0, help="an integer (default: 0)")
    run.add_argument(
        "--notebooks",
        default="01-05",
        help="such as 03, 01-03 or 01,04 (default: 01-05); 09 ends in a verdict",
    )
    study = commands.add_parser(
        "study",
        allow_abbrev=False,  # --seed would be taken for --seeds
        help="several pretrainings and label subsets, every method; --out continues a stopped one",
    )
    add_common_options(study, "full", "a field of the preset, such as width=64")
    study.add_argument(
        "--labels", help="numbers of labels, such as 50,100,500 (default: the preset's)"
    )
    study.add_argument("--seeds", type=int, default=3, help="pretrainings (default: 3)")
    study.add_argument(
        "--from-run",
        metavar="DIR",
        help="a finished run of the same images and settings, to take encoder and rows from",
    )
    return parser


def add_common_options(command, preset, setting):
    command.add_argument("--source", default="shapes", help=SOURCE_HELP)
    command.add_argument(
        "--preset",
        choices=PRESET_NAMES,
        default=preset,
        help="tiny: seconds, for tests; quick: minutes, shows the way; laptop: a pretraining of a "
        "quarter of an hour on two cores with bfloat16; full: hours, for results "
        f"(default: {preset})",
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help=f"{setting}; may be repeated",
    )
    command.add_argument(
        "--out",
        metavar="DIR",
        help="the folder to write, or to continue; runs/<source>-<preset> when left out",
    )


def main(arguments=None):
    """Runs the command line; returns the exit code."""
    print_anything()
    options = build_parser().parse_args(arguments)
    # A backend set for scripts would keep the figures out of the notebooks.
    os.environ.pop("MPLBACKEND", None)
    # Before TensorFlow, which is imported along with the commands.
    set_environment()
    try:
        environment_precision()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # Imported late: the help is to answer at once.
    from simclr_utils.cli import arguments, notebooks, run_folder
    from simclr_utils.system import folder_lock

    try:
        settings = arguments.parse_settings(options.settings)
        if options.command == "study":
            from simclr_utils.cli import study as study_command

            study_command.run(
                source=options.source,
                preset=options.preset,
                label_counts=study_command.parse_label_counts(options.labels),
                num_seeds=options.seeds,
                settings=settings,
                out=options.out,
                from_run=options.from_run,
            )
            return 0
        finished = notebooks.run(
            arguments.select_notebooks(NOTEBOOKS, options.notebooks),
            source=options.source,
            preset=options.preset,
            seed=options.seed,
            settings=settings,
            out=options.out,
        )
    except (run_folder.RunError, folder_lock.FolderInUseError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, a folder that is not ours
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if finished else 1


if __name__ == "__main__":
    sys.exit(main())
