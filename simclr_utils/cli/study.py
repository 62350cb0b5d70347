"""The command `study`: from a source of images to rows, paired differences and a figure."""

import shlex
from pathlib import Path

from simclr_utils import config, files
from simclr_utils.cli import encoder_signs, report
from simclr_utils.cli.arguments import resolve_source
from simclr_utils.cli.pages import write_verdict_page
from simclr_utils.cli.run_folder import RunError, open_run
from simclr_utils.data.dataset import load_dataset, save_dataset_record
from simclr_utils.evaluation import results
from simclr_utils.evaluation.comparison import OtherTrainingsError
from simclr_utils.parameters import check
from simclr_utils.plotting import plot_label_efficiency, to_png
from simclr_utils.session import start
from simclr_utils.study import costs, summary
from simclr_utils.study.study import Study, StudyError
from simclr_utils.study.takeover import take_over
from simclr_utils.system import provenance
from simclr_utils.system.folder_lock import hold
from simclr_utils.training.checkpoints import CheckpointError
from simclr_utils.training.doctor import TrainingFailedError


def parse_label_counts(text):
    """Numbers of labels from a string such as `"50,100"`; `None` stays `None`.

    Raises:
        RunError: if a part is no whole number above 0.
    """
    if text is None:
        return None
    parts = [part.strip().replace("_", "") for part in text.split(",")]
    wrong = [part for part in parts if not (part.isascii() and part.isdigit() and int(part))]
    if wrong:
        raise RunError(f"{wrong[0]!r} is no number of labels: write --labels 50,100,500.")
    return tuple(sorted({int(part) for part in parts}))


def run(source, preset, label_counts=None, num_seeds=3, settings=None, out=None, from_run=None):
    """Runs a study, or what is missing of it, and prints what it found.

    Args:
        source: a named data set, or a folder of images.
        preset: name of a preset.
        label_counts: ints, or `None` for the preset's.
        num_seeds: int, pretrainings.
        settings: dict from a field of `Config`, `image_size`, `reading` or `cache_dir` to a
            value.
        out: folder to write or continue, or `None` to choose a new one.
        from_run: folder of a finished run of the same images and settings to begin with, or
            `None`.

    Raises:
        RunError: if an argument does not fit; nothing has been measured then.
    """
    source, settings = resolve_source(source), settings or {}
    if num_seeds < 1:
        raise RunError(f"--seeds {num_seeds}: expected at least one pretraining.")
    try:
        names = ("image_size", "reading", "cache_dir")
        of_data = {name: settings[name] for name in names if name in settings}
        fields = {name: value for name, value in settings.items() if name not in of_data}
        chosen = config.get_config(preset, **fields)
        for name, value in of_data.items():
            check(name, value)
    except ValueError as error:
        raise RunError(str(error)) from error
    # The folder's name only: a study may go on where the images lie elsewhere. Whether they are
    # the same is a matter of their fingerprint.
    from_folder = Path(source).is_dir()
    shown = Path(source).name if from_folder else source
    record = {"kind": "study", "source": shown, "preset": preset, "seed": 0, "settings": settings}
    record["from_folder"] = from_folder  # which a name alone does not say
    folder, record = open_run(record, out)
    with hold(folder):
        print(start(0, kept_precision(folder)))
        print(f"Writing {folder}", flush=True)
        try:
            cache_dir = of_data.get("cache_dir", folder.parent / "cache")
            dataset = load_dataset(
                source,
                of_data.get("image_size"),
                cache_dir,
                limits=chosen.limits,
                **of_data.get("reading", {}),
            )
        except (ValueError, ImportError, RuntimeError) as error:
            raise RunError(str(error)) from error
        make(folder, record, dataset, chosen, num_seeds, label_counts, from_run)


def kept_precision(folder):
    """The precision of the study in a folder, for all of its rows; "auto" where there is none."""
    path = folder / "study.json"
    return files.load_json(path).get("precision", "auto") if path.exists() else "auto"


def make(folder, record, dataset, chosen, num_seeds, label_counts, from_run):
    """Makes the study in its folder, or what is missing of it.

    Args:
        folder, record: what `open_run` returned.
        dataset: a `Dataset`.
        chosen: a `Config`.
        num_seeds, label_counts, from_run: as of `run`.

    Raises:
        RunError: if the study cannot be made.
    """
    preset = record["preset"]
    print(dataset.summary(), flush=True)
    save_dataset_record(folder, dataset)
    record["provenance"] = provenance.provenance(preset, 0, dataset.fingerprint)
    files.save_json(folder / "run.json", record)
    try:
        study = Study(dataset, chosen, folder, preset, num_seeds, label_counts)
        if from_run:
            take_over(study, from_run)
    except StudyError as error:
        raise RunError(str(error)) from error
    if study.counts:
        print(f"At {', '.join(map(str, study.counts))} labels.", flush=True)
    else:
        print("Nothing is labeled: this study pretrains its encoders and compares nothing.")
    try:
        if study.tasks():
            study.rates = costs.measure_rates(dataset, chosen, study.build_model)
            print(costs.estimate_costs(study), flush=True)
        study.run()
    except (CheckpointError, TrainingFailedError, OtherTrainingsError) as error:
        raise RunError(str(error)) from error
    except KeyboardInterrupt:
        print(f"\nStopped. To continue, add --out {shlex.quote(str(folder))}", flush=True)
        raise
    print(summarize(study) if study.counts else write_encoder_page(study))


def write_encoder_page(study):
    """Writes the `verdict.html` of a study without labels; returns the text to print."""
    sections = {"Data": study.dataset.summary()}
    for seed in study.seeds:
        folder = study.encoder_folder(seed)
        signs, nearest = encoder_signs.look_at_encoder(folder, study.dataset, study.config)
        text = "\n".join(f"{name}: {value:.2f}" for name, value in signs.items())
        sections[f"Encoder {seed}"] = text
        sections[f"Encoder {seed}: an image and the nearest to it"] = to_png(nearest.draw(0))
    made = files.load_json(study.encoder_folder(0) / "encoder.json")
    page, answer = study.folder / "verdict.html", summary.no_verdict(study)
    title = f"Contrastive pretraining on {study.dataset.name}"
    write_verdict_page(page, title, [answer], sections, made)
    return f"\n{answer}\n\nEncoders: {study.folder / 'encoders'}\nReport: {page}"


def summarize(study):
    """Writes `comparisons.csv` and `label_efficiency.png`; returns the text to print."""
    folder, comparisons = study.folder, summary.compare(study)
    files.write_text(folder / "comparisons.csv", comparisons.to_csv(index=False))
    picture = plot_label_efficiency(
        results.summarize(study.frame()), f"{study.dataset.name}: mean and 95 % interval"
    )
    files.write_bytes(folder / "label_efficiency.png", to_png(picture))
    tables = report.results_tables(study.frame(), study.preset)
    lines = [f"\n{title}\n{table.to_string()}" for title, table in tables.items()]
    lines += ["", summary.headline(comparisons) or summary.no_verdict(study)]
    lines += summary.small_print(study)
    if len(comparisons) > 1:
        lines += ["", "All comparisons:", *comparisons["verdict"]]
    for method, text in summary.crossings(study).items():
        lines.append(f"Crossing of {method} and the baseline: {text}.")
    return "\n".join([*lines, f"\nRows: {study.results.path}"])
