"""The command `study`: from a source of images to rows, paired differences and a verdict."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from simclr_utils import config, files, plotting
from simclr_utils.cli import report
from simclr_utils.cli.arguments import resolve_source
from simclr_utils.cli.frame import as_run_error
from simclr_utils.cli.run_folder import RunError, describe_source, open_run
from simclr_utils.cli.verdict import crossing_sentences, draw_accuracy, write_verdict
from simclr_utils.config import Config
from simclr_utils.data.dataset import load_dataset, save_dataset_record
from simclr_utils.evaluation.comparison import OtherRunsError
from simclr_utils.parameters import OF_DATA, check
from simclr_utils.session import start
from simclr_utils.study import answers, costs, summary
from simclr_utils.study.identity import StudyError, stored_study
from simclr_utils.study.study import Study
from simclr_utils.system import provenance
from simclr_utils.system.folder_lock import hold
from simclr_utils.training.checkpoints import CheckpointError
from simclr_utils.training.doctor import TrainingFailedError
from simclr_utils.training.encoder_file import EncoderFileError


def parse_label_counts(text: str | None) -> tuple[int, ...] | None:
    """Parses numbers of labels, such as `"50,100"`.

    Args:
        text: String, whole numbers above 0 with commas between them, or `None`.

    Returns:
        A tuple of different integers, ascending. `None` for `None`.

    Raises:
        RunError: If a part is not a whole number above 0.
    """
    if text is None:
        return None
    parts = [part.strip().replace("_", "") for part in text.split(",")]
    wrong = [part for part in parts if not (part.isascii() and part.isdigit() and int(part))]
    if wrong:
        raise RunError(f"{wrong[0]!r} is not a number of labels. Write --labels 50,100,500.")
    return tuple(sorted({int(part) for part in parts}))


def parse_primary(text: str | None) -> tuple[str, int] | None:
    """Parses the primary comparison, such as `"fine_tuned@500"`.

    Args:
        text: String, the name of a method, `@` and a number of labels, or `None`.

    Returns:
        A pair of the name and an integer. `None` for `None`.

    Raises:
        RunError: If the string has another form.
    """
    if text is None:
        return None
    method, _, labels = text.partition("@")
    labels = labels.replace("_", "")
    if not (method and labels.isascii() and labels.isdigit()):
        raise RunError(f"{text!r} names no comparison. Write --primary fine_tuned@500.")
    return method, int(labels)


def run(
    source: str,
    preset: str,
    label_counts: Sequence[int] | None = None,
    num_seeds: int = 3,
    settings: dict | None = None,
    out: str | Path | None = None,
    primary: tuple[str, int] | None = None,
) -> None:
    """Runs a study, or the rest of it, and prints the results.

    Args:
        source: String, the name of a data set or the path of a folder of images.
        preset: String, the name of a preset.
        label_counts: Integers, or `None` for those of the preset.
        num_seeds: Integer, the number of pretraining runs.
        settings: Dict from a field of `Config`, such as `methods` or `encoder_file`, or from
            `image_size`, `reading` or `cache_dir`, to a value.
        out: Path of the folder to write or continue, or `None` to choose a new one. In the
            folder of a run of notebooks, the study continues with its encoder and rows.
        primary: Pair of a method and a number of labels, or `None`, as in `Study`.

    Raises:
        RunError: If an argument is not allowed. Nothing has been measured then.
    """
    source, settings = resolve_source(source), settings or {}
    if num_seeds < 1:
        raise RunError(f"--seeds {num_seeds}: expected at least one pretraining run.")
    chosen, of_data = read_settings(preset, source, settings)
    record = {**describe_source(source), "preset": preset, "settings": settings}
    known = {*OF_DATA, *(field.name for field in fields(Config))}
    folder, record = open_run(record, out, known)
    with hold(folder):
        print(start(0, (stored_study(folder) or {}).get("precision", "auto")))
        print(f"Writing {folder}", flush=True)
        with as_run_error(ValueError, ImportError, RuntimeError):
            dataset = load_dataset(
                source,
                of_data.get("image_size"),
                of_data.get("cache_dir", folder.parent / "cache"),
                limits=chosen.limits,
                **of_data.get("reading", {}),
            )
        make(folder, record, dataset, chosen, num_seeds, label_counts, primary)


def read_settings(preset, source, settings):
    """Returns a `Config` and a dict of the settings that belong to the data.

    Raises:
        RunError: If a setting is unknown, or its value is not allowed.
    """
    with as_run_error():
        of_data = {name: settings[name] for name in OF_DATA if name in settings}
        given = {name: value for name, value in settings.items() if name not in of_data}
        chosen = config.get_config(preset, source, **given)
        for name, value in of_data.items():
            check(name, value)
    return chosen, of_data


def make(folder, record, dataset, chosen, num_seeds, label_counts, primary=None):
    """Runs a study in its folder, or the rest of it, and prints the results.

    Args:
        folder: Path, as `open_run` returns it.
        record: Dict, as `open_run` returns it.
        dataset: A `Dataset`.
        chosen: A `Config`.
        num_seeds: Integer, as in `run`.
        label_counts: Integers or `None`, as in `run`.
        primary: Pair or `None`, as in `run`.

    Raises:
        RunError: If the study cannot be made.
    """
    print(dataset.summary(), flush=True)
    with as_run_error(StudyError):
        asked = {"num_seeds": num_seeds, "label_counts": label_counts, "primary": primary}
        study = Study(dataset, chosen, folder, record["preset"], **asked)
    if study.counts:
        print(f"At {', '.join(map(str, study.counts))} labels.", flush=True)
        print(f"Primary: {study.primary.method} at {study.primary.labels:,} labels.", flush=True)
    else:
        print("Nothing is labeled. This study pretrains its encoders and compares nothing.")
    if study.tasks():
        write_records(study, record)
        do_tasks(study)
    else:
        print("Nothing is left to do.")
    with as_run_error():  # rows of a method that is unknown
        print(summarize(study))


def do_tasks(study):
    """Prints what the rest of a study costs, and runs it."""
    try:
        study.rates = costs.measure_rates(study.dataset, study.config, study.build_model)
        study.rates = costs.measure_given(study)
        print(costs.estimate_costs(study), flush=True)
        study.run()
    except (CheckpointError, EncoderFileError, TrainingFailedError, OtherRunsError) as error:
        raise RunError(str(error)) from error
    except KeyboardInterrupt:
        again = f"--out {shlex.quote(str(study.folder))}"
        print(f"\nStopped. To continue, repeat the command with {again}", flush=True)
        raise


def write_records(study, record):
    """Writes `run.json`, and the record of the images."""
    save_dataset_record(study.folder, study.dataset)
    record["command"] = "python -m simclr_utils " + shlex.join(sys.argv[1:])
    made = provenance.provenance(record["preset"], 0, study.dataset.fingerprint)
    record = {**record, "provenance": made, "study": stored_study(study.folder)}
    files.save_json(study.folder / "run.json", record)


def summarize(study: Study) -> str:
    """Writes `verdict.html` and, with labels, `comparisons.csv` and `label_efficiency.png`.

    Args:
        study: A finished `Study`.

    Returns:
        The text to print.

    Raises:
        ValueError: If `METHODS` lacks a method of the rows.
    """
    page = write_verdict(study)
    if not study.counts:
        answer, encoders = summary.no_verdict(study), study.folder / "encoders"
        return f"\n{answer}\n\nEncoders: {encoders}\nReport: {page}"
    folder, comparisons = study.folder, summary.compare(study)
    files.write_text(folder / "comparisons.csv", comparisons.to_csv(index=False))
    files.write_bytes(folder / "label_efficiency.png", plotting.to_png(draw_accuracy(study)))
    tables = report.results_tables(study.frame(), study.preset)
    lines = [f"\n{title}\n{table.to_string()}" for title, table in tables.items()]
    lines += ["", *answers.answer(study)]
    if len(comparisons) > 1:
        lines += ["", "All comparisons:", *answers.differences(study)]
    lines += crossing_sentences(study)
    return "\n".join([*lines, f"\nRows: {study.results.path}", f"Report: {page}"])
