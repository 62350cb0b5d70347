"""A study that begins with what a run has measured: its encoder, its rows and its tuning."""

from simclr_utils import files
from simclr_utils.places import user_path
from simclr_utils.study.study import StudyError, settings_that_stay
from simclr_utils.training.pretraining import ENCODER_FILES, plan_epochs


def take_over(study, run_dir):
    """Copies a finished run into a study that has no row yet; with rows there it does nothing.

    The run's encoder becomes the one of its seed. Rows that the study would measure in the same
    way, on the same subsets, are not measured again.

    Args:
        study: a `Study`.
        run_dir: path of a folder that the command `run` has written; it is only read.

    Raises:
        StudyError: if the run is not finished, or was made from other images or settings, in
            another precision, or from a seed that is none of the study's.
    """
    run_dir = user_path(run_dir)
    if study.results.path.exists():
        print(f"This study has rows already: nothing more is taken from {run_dir}.")
        return
    needed = (*ENCODER_FILES, "results.csv", "run.json")
    missing = [name for name in needed if not (run_dir / name).is_file()]
    if missing:
        raise StudyError(
            f"{run_dir} holds no finished run, {missing[0]} is missing. Run "
            "`python -m simclr_utils run` to its end first, or leave --from-run out."
        )
    made = files.load_json(run_dir / "encoder.json")
    wanted = study.identity()
    there = {name: made.get(name) for name in ("preset", "fingerprint", "precision")}
    there |= settings_that_stay(made.get("config", {}))
    # Of the baseline's settings the encoder's record knows nothing.
    settings = files.load_json(run_dir / "run.json")["settings"]
    there |= {name: value for name, value in settings.items() if name in wanted}
    _, steps_per_epoch, epochs = plan_epochs(len(study.dataset.unlabeled), study.config)
    there |= {"steps": made.get("steps"), "seed": made.get("seed")}
    wanted["steps"] = epochs * steps_per_epoch  # not of a training that was interrupted
    wanted["seed"] = made.get("seed") if made.get("seed") in study.seeds else list(study.seeds)
    differences = files.describe_differences(there, wanted)
    if differences:
        raise StudyError(
            f"The run in {run_dir} cannot begin this study ({'; '.join(differences)}). Repeat the "
            "run's images and settings, or leave --from-run out."
        )
    for name in ("predictions.sqlite", "tuning.json"):
        if (run_dir / name).is_file():
            files.write_bytes(study.folder / name, (run_dir / name).read_bytes())
    for name in ENCODER_FILES:  # the record last, as where it stands the others are complete
        target = study.encoder_folder(made["seed"]) / name
        files.write_bytes(target, (run_dir / name).read_bytes())
    files.write_bytes(study.results.path, (run_dir / "results.csv").read_bytes())
