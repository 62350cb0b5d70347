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
    "shapes, chests, cifar10, fashion_mnist, stl10, medmnist:<name> (default: glyphs)"
)
ENCODER_HELP = (
    "a .keras file, a folder that holds encoder.keras such as data/pretrained, the folder of a "
    "study, or a network of Keras such as keras.applications:EfficientNetV2B0"
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
    add_pretraining(commands)
    add_ablation(commands)
    add_taking_away(commands)
    return parser


def add_pretraining(commands):
    """Adds the parser of the command `pretrain`."""
    pretrain = commands.add_parser(
        "pretrain",
        allow_abbrev=False,
        help="pretrain one encoder on one or several machines; the same command continues a "
        "stopped one, and study --out goes on with the encoder",
        epilog="On several machines, start the same command on each of them, with the environment "
        "variable TF_CONFIG that TensorFlow reads; or start it once with --ray.",
    )
    setting = "a field of the preset, such as batch_size=4096"
    add_common_options(pretrain, "full", setting, None)
    pretrain.add_argument(
        "--seed",
        type=int,
        default=0,
        help="an integer; the encoder is written to encoders/<seed>/ (default: 0)",
    )
    how = pretrain.add_mutually_exclusive_group()
    how.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="start N workers on this machine, to try out several of them",
    )
    how.add_argument(
        "--ray",
        type=int,
        metavar="N",
        help="let Ray place N workers on its cluster, watch them and restart them",
    )


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


def add_taking_away(commands):
    """Adds the parsers of the commands that use a finished encoder elsewhere."""
    export = commands.add_parser(
        "export",
        allow_abbrev=False,
        help="write an encoder for TensorFlow, ONNX or LiteRT, and check its features",
    )
    export.add_argument("encoder", help=ENCODER_HELP)
    export.add_argument(
        "--to",
        action="append",
        required=True,
        metavar="FORMAT",
        help="savedmodel, onnx, litert or litert-int8; may be repeated, or be a list with commas",
    )
    export.add_argument("--out", metavar="DIR", required=True, help="the folder to write to")
    export.add_argument(
        "--source",
        help="images for the check and for the range of integers: a folder of any layout, or the "
        "name of a data set; litert-int8 needs it",
    )
    add_use(export)
    embed = commands.add_parser(
        "embed",
        allow_abbrev=False,
        help="write the features of all images of a folder, with their file names",
    )
    embed.add_argument("folder", help="a folder of images, of any layout")
    embed.add_argument("--encoder", required=True, help=ENCODER_HELP)
    embed.add_argument(
        "--out", metavar="FILE", required=True, help="a name that ends in .parquet, .npz or .csv"
    )
    add_use(embed)
    add_search(commands)
    add_findings(commands)
    card = commands.add_parser(
        "card", allow_abbrev=False, help="write the model card of a study's encoder"
    )
    card.add_argument("folder", help="the folder of a study, or one that holds encoder.keras")
    card.add_argument(
        "--out", metavar="DIR", required=True, help="the folder to write README.md to"
    )
    card.add_argument("--name", help="the name of the model (default: from its data and network)")
    card.add_argument("--license", help="the identifier of a license, such as mit or apache-2.0")
    card.add_argument("--overwrite", action="store_true", help="replace a README.md that exists")


def add_search(commands):
    """Adds the parser of the command `search`."""
    search = commands.add_parser(
        "search",
        allow_abbrev=False,
        help="write a page of the nearest images to one, and of near-duplicates",
    )
    search.add_argument("features", help="a file that embed wrote")
    search.add_argument("image", help="the name of an image of the folder, or any image file")
    search.add_argument("--folder", required=True, help="the folder whose images were embedded")
    search.add_argument(
        "--out", metavar="FILE", help="the page (default: <features>_search.html beside them)"
    )
    search.add_argument(
        "--encoder", help="the encoder of the features, for an image that is not in the folder"
    )
    search.add_argument("--count", type=int, default=12, help="neighbors shown (default: 12)")
    search.add_argument("--images", type=int, default=300, help="images on the page (default: 300)")
    search.add_argument(
        "--duplicates",
        type=float,
        default=0.98,
        metavar="COSINE",
        help="similarity from which on images are near-duplicates (default: 0.98)",
    )
    search.add_argument("--overwrite", action="store_true", help="replace files that exist")


def add_findings(commands):
    """Adds the parser of the command `findings`."""
    findings = commands.add_parser(
        "findings",
        allow_abbrev=False,
        help="print the AUROC of every finding, such as those of chest X-rays, by probes on an "
        "encoder",
    )
    findings.add_argument("--source", required=True, help=SOURCE_HELP)
    findings.add_argument("--encoder", required=True, help=ENCODER_HELP)
    findings.add_argument(
        "--labels",
        type=int,
        metavar="N",
        help="how many labeled train images the probes learn from (default: all)",
    )
    findings.add_argument(
        "--test",
        action="store_true",
        help="score the test images, once all is chosen (default: the validation images)",
    )
    findings.add_argument("--out", metavar="FILE", help="a CSV file to write the table to")
    add_use(findings)


def add_use(command):
    """Adds the options of all commands that use a finished encoder."""
    command.add_argument(
        "--image-size",
        type=int,
        metavar="N",
        help="height and width of the images, for an encoder that takes any size (default: 96)",
    )
    command.add_argument("--overwrite", action="store_true", help="replace files that exist")


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
        required=out is None,
        help="the folder to write or to continue" + (f" (default: {out})" if out else ""),
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
    if options.command in ("export", "embed", "search", "card", "findings"):
        take_away(options)
        return True
    if options.command == "pretrain":
        with quiet_stderr():  # TensorFlow, before a session has started
            from simclr_utils.cli import pretrain

        given = (options.source, options.preset, tuple(options.settings), options.seed, options.out)
        code = pretrain.run(pretrain.Asked(*given), options.processes, options.ray)
        if code:
            sys.exit(code)
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


def take_away(options):
    """Runs a command that uses a finished encoder elsewhere."""
    with quiet_stderr():  # TensorFlow, before a session has started
        from simclr_utils.cli import card, embed, export, findings, search

    if options.command == "export":
        formats = [name.strip() for each in options.to for name in each.split(",")]
        asked = (options.out, options.source, options.image_size, options.overwrite)
        export.run(options.encoder, formats, *asked)
    elif options.command == "embed":
        asked = (options.out, options.image_size, options.overwrite)
        embed.run(options.folder, options.encoder, *asked)
    elif options.command == "findings":
        asked = (options.labels, options.test, options.out, options.image_size, options.overwrite)
        findings.run(options.source, options.encoder, findings.Asked(*asked))
    elif options.command == "card":
        asked = (options.name, options.license, options.overwrite)
        card.run(options.folder, options.out, *asked)
    else:
        sizes = search.Sizes(options.count, options.images, options.duplicates)
        asked = (options.folder, options.out, options.encoder, sizes, options.overwrite)
        search.run(options.features, options.image, *asked)


if __name__ == "__main__":
    sys.exit(main())
