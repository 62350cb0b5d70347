"""Does contrastive pretraining help on these images? The command line of the course."""

import argparse
import os
import sys
from pathlib import Path

from simclr_utils.ablation.grids import GRIDS, describe_grids
from simclr_utils.methods import METHODS
from simclr_utils.parameters import HEADLINE_NAMES, PRESET_NAMES
from simclr_utils.session import (
    environment_precision,
    print_anything,
    quiet_stderr,
    set_environment,
)

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SOURCE_HELP = (
    "a folder of images (train/<class>/, validation/<class>/, test/<class>/, unlabeled/; "
    "or a table labels.csv with the columns file and label; unlabeled/ alone gives an encoder and "
    "no verdict; ./shapes is always a folder), an .npz file in the format of MedMNIST, or glyphs, "
    "shapes, cifar10, fashion_mnist, stl10, medmnist:<name> (default: glyphs)"
)


def build_parser():
    """Builds the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m simclr_utils", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        allow_abbrev=False,
        help="execute the notebooks in order and print the table of results",
    )
    add_common_options(run, "quick", "a parameter of the notebooks, such as width=64")
    run.add_argument(
        "--seed",
        type=int,
        default=0,
        help="an integer; the encoder is written to encoders/<seed>/ (default: 0)",
    )
    run.add_argument(
        "--notebooks",
        default="01-05",
        help="such as 03, 01-03 or 01,04 (default: 01-05); 09 gives a verdict",
    )
    study = commands.add_parser(
        "study",
        allow_abbrev=False,  # --seed would be taken for --seeds
        help="measure every method, with several pretraining runs and label subsets; --out "
        "continues a stopped study, or a run of notebooks",
    )
    add_common_options(study, "full", "a field of the preset, such as width=64")
    study.add_argument(
        "--labels", help="numbers of labels, such as 50,100,500 (default: the preset's)"
    )
    study.add_argument(
        "--encoder",
        metavar="FILE_OR_NAME",
        help="an encoder from elsewhere, to compare with: a .keras file that takes images in 0..1, "
        "a network of Keras such as keras.applications:EfficientNetV2B0, or a preset of KerasHub "
        "such as hub:efficientnet_b0_ra_imagenet. Adds frozen_file, distilled and "
        "distilled_fine_tuned; images are resized to --set input_size=N (default: 96, or the "
        "encoder's own size)",
    )
    study.add_argument(
        "--methods",
        metavar="NAMES",
        help="what to measure, such as default,fixmatch (default: default). Slow ones and "
        f"other readouts have to be asked for: {', '.join(slow_methods())}; all stands for all. "
        f"Others: {', '.join(name for name in METHODS if name not in slow_methods())}",
    )
    study.add_argument(
        "--metric",
        choices=HEADLINE_NAMES,
        help="the metric that decides, chosen before the run (default: accuracy)",
    )
    study.add_argument("--seeds", type=int, default=3, help="pretraining runs (default: 3)")
    study.add_argument(
        "--primary",
        metavar="METHOD@LABELS",
        help="the comparison with the baseline that decides the verdict, named before the run "
        "(default: fine_tuned at the most labels)",
    )
    label = commands.add_parser(
        "label-next",
        allow_abbrev=False,
        help="list the images that are worth a label most, by the encoder of a finished study",
    )
    label.add_argument("--out", metavar="DIR", required=True, help="the folder of the study")
    label.add_argument("--count", type=int, default=50, help="how many images (default: 50)")
    label.add_argument(
        "--source", help="the folder of images (default: that of the study, if it is still there)"
    )
    add_ablation(commands)
    return parser


def add_ablation(commands):
    """Adds the parser of the command `ablate`."""
    ablate = commands.add_parser(
        "ablate",
        allow_abbrev=False,
        help="vary one part of SimCLR, with several seeds, and probe it on validation images; the "
        "same command continues a stopped one",
        epilog="Grids: " + "; ".join(f"{name}: {grid.title}" for name, grid in GRIDS.items()),
    )
    setting = "a field of the preset, for all cells, such as width=8"
    add_common_options(ablate, "quick", setting, "runs/<source>-<grid>")
    ablate.add_argument(
        "--grid",
        required=True,
        metavar="NAME",
        help=f"what to vary: {', '.join(GRIDS)}; list describes them",
    )
    ablate.add_argument("--seeds", type=int, default=3, help="seeds, from 0 on (default: 3)")
    ablate.add_argument("--cells", metavar="A,B", help="some cells of the grid (default: all)")
    ablate.add_argument(
        "--labels", help="numbers of labels for the probes, such as 100,500 (default: the grid's)"
    )


def slow_methods():
    """Returns the names of the methods that a study measures only if it is asked to."""
    return [name for name, method in METHODS.items() if not method.by_default]


def add_common_options(command, preset, setting, out="runs/<source>-<preset>"):
    """Adds the options that all commands share to the parser of a command."""
    command.add_argument("--source", default="glyphs", help=SOURCE_HELP)
    command.add_argument(
        "--preset",
        choices=PRESET_NAMES,
        default=preset,
        help="tiny: seconds, for tests; quick: minutes, to learn how it works; laptop: pretrains "
        "for a quarter of an hour on two cores with bfloat16; full: hours, for results "
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
        help=f"the folder to write or to continue (default: {out})",
    )


def main(arguments=None):
    """Runs the command line and returns the exit code."""
    print_anything()
    options = build_parser().parse_args(arguments)
    if getattr(options, "grid", None) == "list":
        print(describe_grids())
        return 0
    # A Matplotlib backend for scripts would keep figures out of the notebooks.
    os.environ.pop("MPLBACKEND", None)
    # Before the commands import TensorFlow.
    set_environment()
    try:
        environment_precision()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # Imported late, so that --help answers at once.
    from simclr_utils.cli.run_folder import RunError
    from simclr_utils.system.folder_lock import FolderInUseError

    try:
        return 0 if do_command(options) else 1
    except (RunError, FolderInUseError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, or a folder without write permission
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def do_command(options):
    """Runs the requested command and returns whether it finished."""
    from simclr_utils.cli import arguments

    if options.command == "label-next":
        from simclr_utils.cli import label_next

        label_next.run(options.out, options.count, options.source)
        return True
    settings = arguments.parse_settings(options.settings)
    settings |= arguments.own_options(options)
    if options.command == "ablate":
        with quiet_stderr():  # TensorFlow, before a session has started
            from simclr_utils.cli import ablate

        asked = (options.seeds, options.cells, options.labels, options.out)
        ablate.run(options.grid, options.source, options.preset, settings, *asked)
        return True
    if options.command == "study":
        from simclr_utils.cli import study

        if options.metric:
            settings["metric"] = options.metric
        study.run(
            source=options.source,
            preset=options.preset,
            label_counts=study.parse_label_counts(options.labels),
            num_seeds=options.seeds,
            primary=study.parse_primary(options.primary),
            settings=settings,
            out=options.out,
        )
        return True
    from simclr_utils.cli import notebooks

    return notebooks.run(
        arguments.select_notebooks(NOTEBOOKS, options.notebooks),
        source=options.source,
        preset=options.preset,
        seed=options.seed,
        settings=settings,
        out=options.out,
    )


if __name__ == "__main__":
    sys.exit(main())
