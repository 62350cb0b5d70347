"""A study does what is missing, goes on where it was stopped, and ends in paired differences."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import publish_results
import pytest
from PIL import Image

from simclr_utils.cli import study as study_command
from simclr_utils.cli.run_folder import RunError
from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.evaluation.fine_tuning import FineTuning
from simclr_utils.evaluation.supervised import SupervisedBaseline
from simclr_utils.files import load_json, save_json, update_json
from simclr_utils.methods import METHODS
from simclr_utils.study import encoder_tasks, summary
from simclr_utils.study.identity import StudyError, stored_study
from simclr_utils.study.progress import Progress, Task
from simclr_utils.study.study import Study
from simclr_utils.training.pretraining import load_encoder, pretrain

# Three rates, or four, in three folds of 18 images. With two labels a class nothing is tuned.
TUNED = {
    20: r"default settings \(fewer than 3 labels a class\)",
    90: r"(9|12) training runs, \d+ steps, on 54 images held out of the labels, "
    "choosing the settings that short runs can tell apart(, beyond the edge of learning_rate)?",
}
CONFIG = get_config(
    "tiny",
    operations={"crop": 0.87, "flip": 1.0},  # each graph is traced in less time
    pretraining_steps=6,
    label_counts=(20, 90),  # the second is all there are, validation included
    num_subsets=2,
    supervised_steps_factor=2.0,
    limits={"unlabeled": 64, "train": 60, "validation": 30, "test": 50},
)


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("shapes", limits=CONFIG.limits)


@pytest.fixture(scope="module")
def finished(dataset, tmp_path_factory):
    """A study of two pretrainings, interrupted once in the second."""
    folder = tmp_path_factory.mktemp("study")
    lines = []
    with pytest.MonkeyPatch.context() as patch:  # tracing a model takes seconds
        rates = {"learning_rate": (3e-3, 1e-2, 3e-2), "weight_decay": (0.1,)}
        rates |= {"augmentation_strength": (1.0,), "length": (1.0,)}
        for kind, more in ((SupervisedBaseline, {}), (FineTuning, {"encoder_share": (0.1,)})):
            patch.setattr(kind, "axes", {**rates, **more})
        yield run_interrupted(dataset, folder, lines)


def run_interrupted(dataset, folder, lines):
    def pretrain_one(dataset, config, seed, *rest):
        if seed == 1:
            raise KeyboardInterrupt
        return pretrain(dataset, config, seed, *rest)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(encoder_tasks, "pretrain", pretrain_one)
        Study(dataset, CONFIG, folder, "tiny", num_seeds=2).run(lines.append)
    before = (folder / "results.csv").read_bytes()
    encoder = (folder / "encoders" / "0" / "encoder.keras").stat().st_mtime_ns
    study = Study(dataset, CONFIG, folder, "tiny", num_seeds=2)
    names = [task.name for task in study.tasks()]
    study.run(lines.append)
    return study, before, encoder, names, lines


def test_finished_rows_are_never_computed_again(finished):
    study, before, encoder, names, _ = finished
    assert names == [
        "pretraining 1",
        "simclr_and_kmeans, encoder 1",
        "linear_probe and knn, encoder 1",
        "fine_tuned at 20 labels, encoder 1",
        "fine_tuned at 90 labels, encoder 1",
    ]
    assert study.results.path.read_bytes().startswith(before)
    assert (study.encoder_folder(0) / "encoder.keras").stat().st_mtime_ns == encoder
    assert study.tasks() == []


def test_every_row_is_there_with_what_made_it(finished):
    frame = finished[0].results.frame("accuracy")
    counts = frame.groupby("method").size().to_dict()
    # With all labels there is one subset, from which trainings start twice.
    expected = dict.fromkeys(("chance", "raw_pixels", "random_encoder", "kmeans"), 2 + 1)
    expected |= dict.fromkeys(("linear_probe", "knn", "simclr_and_kmeans"), (2 + 1) * 2)
    expected |= {"supervised": 2 + 2, "fine_tuned": (2 + 2) * 2}
    assert counts == expected
    pretrained = frame[frame["method"].isin([name for name in METHODS if METHODS[name].pretrained])]
    assert set(pretrained["pretraining_seed"]) == {0, 1}
    assert frame[~frame.index.isin(pretrained.index)]["pretraining_seed"].isna().all()
    for column in ("value", "low", "high", "preset", "fingerprint", "versions", "hardware"):
        assert frame[column].notna().all(), column
    trained = frame[frame["method"].isin(("supervised", "fine_tuned"))]
    assert trained["steps"].notna().all() and trained["minutes"].notna().all()
    for labels, words in TUNED.items():
        assert trained.loc[trained["labels"] == labels, "tuning"].str.fullmatch(words).all()
    # The baseline has at least as many update steps.
    steps = trained.groupby(["labels", "method"])["steps"].max().unstack()
    assert (steps["supervised"] >= steps["fine_tuned"]).all()


def test_encoders_differ_and_are_kept(finished):
    study = finished[0]
    encoders = [load_encoder(study.encoder_folder(seed)) for seed in (0, 1)]
    assert [made["seed"] for _, made in encoders] == [0, 1]
    first, second = (encoder.get_weights()[0] for encoder, _ in encoders)
    assert np.abs(first - second).max() > 1e-3
    with pytest.raises(FileNotFoundError, match="Notebook 03"):
        load_encoder(study.folder)


def test_lines_tell_the_time_left(finished):
    lines = finished[4]
    assert "left" in lines[-1] and lines[-1].endswith("about 0 left")
    assert lines[0].startswith("chance: done")


def test_methods_are_compared_on_the_same_images(finished):
    study = finished[0]
    comparisons = summary.compare(study)
    compared = {"linear_probe", "simclr_and_kmeans", "fine_tuned", "kmeans"}
    assert set(comparisons["first"]) == compared and set(comparisons["labels"]) == {20, 90}
    assert len(comparisons) == 8 and set(comparisons["subsets"]) == {2}
    one = comparisons[comparisons["first"] == "kmeans"]
    assert set(one["seeds"]) == {1} and set(comparisons.drop(one.index)["seeds"]) == {2}
    frame = study.results.frame("accuracy")
    for row in comparisons.itertuples():
        at = frame[frame["labels"] == row.labels]
        means = [at[at["method"] == name]["value"].mean() for name in (row.first, row.second)]
        assert row.value == pytest.approx(means[0] - means[1])
        assert row.low <= row.value <= row.high and 0 <= row.p_value <= 1
        assert row.verdict.startswith(f"At {row.labels} labels, ")
        assert ("minus the tuned baseline" in row.verdict) == (not row.primary)
    others = comparisons[~comparisons["primary"]]
    assert len(others) == 7 and (others["adjusted"] >= others["p_value"]).all()
    assert summary.labels_saved(study)[0].startswith("With pretraining, 20 labels ")
    assert "cannot be extrapolated" in summary.labels_needed(study, 0.999)
    assert set(summary.crossings(study)) == compared
    # What is said first was fixed beforehand: fine-tuning, at the most labels.
    headline = summary.headline(comparisons)
    assert headline.startswith("At 90 labels, contrastive pretraining with fine-tuning")
    assert study.primary == ("fine_tuned", 90) == tuple(study_record(study)["primary"].values())
    assert summary.headline(comparisons.iloc[:0]) is None
    assert summary.headline(comparisons[~comparisons["primary"]]) is None


def study_record(study):
    return stored_study(study.folder)


def test_a_folder_keeps_to_one_study(finished, dataset):
    folder = finished[0].folder
    others = {
        "preset": (dataset, CONFIG, "quick"),
        "temperature": (dataset, replace(CONFIG, temperature=0.5), "tiny"),
        "operations": (dataset, replace(CONFIG, operations=(("crop", 1.0),)), "tiny"),
        "fingerprint": (replace(dataset, fingerprint="another"), CONFIG, "tiny"),
    }
    for name, (images, config, preset) in others.items():
        with pytest.raises(StudyError, match=f"another study:.*{name} is"):
            Study(images, config, folder, preset)
    grown = Study(dataset, replace(CONFIG, num_subsets=3), folder, "tiny", 2, (20, 30, 90))
    assert grown.counts == (20, 30, 90)
    assert {task.name for task in grown.tasks()} >= {"supervised at 30 labels", "chance"}


def test_a_study_that_would_measure_nothing_is_refused(dataset, tmp_path):
    with pytest.raises(StudyError, match=r"\[5\] fits: there are 10 classes and 90 labeled"):
        Study(dataset, CONFIG, tmp_path / "none", "tiny", 1, (5,))
    assert not (tmp_path / "none").exists()


def test_a_study_that_has_made_nothing_may_be_asked_for_otherwise(dataset, tmp_path):
    Study(dataset, CONFIG, tmp_path, "tiny")
    other = Study(dataset, replace(CONFIG, temperature=0.5), tmp_path, "tiny")
    assert load_json(tmp_path / "run.json")["study"]["config"]["temperature"] == 0.5
    save_json(tmp_path / "tuning.json", {})
    with pytest.raises(StudyError, match="temperature is 0.5 there and 0.1 here"):
        Study(dataset, CONFIG, tmp_path, "tiny")
    assert other.folder == tmp_path


def test_an_encoder_is_made_for_missing_rows_only(finished, dataset, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished[0].folder, copy)
    shutil.rmtree(copy / "encoders" / "0")
    assert Study(dataset, CONFIG, copy, "tiny", num_seeds=2).tasks() == []


def test_a_missing_row_is_no_comparison(finished, dataset):
    study = Study(dataset, CONFIG, finished[0].folder, "tiny", num_seeds=3)
    # k-means needs no encoder, so its rows are there.
    assert set(summary.compare(study)["first"]) == set(summary.crossings(study)) == {"kmeans"}
    assert summary.labels_saved(study) == [] and summary.labels_needed(study, 0.9) == ""
    assert summary.headline(summary.compare(study)) is None
    assert "SimCLR + fine-tuning with the tuned baseline at 90 labels" in summary.no_verdict(study)


def test_the_summary_writes_what_it_says(finished, monkeypatch):
    study = finished[0]
    monkeypatch.setattr(study_command.answers, "MADE_FOR_SPEED", ())
    text = study_command.summarize(study)
    assert "At 20 labels, " in text and "(2 encoders, 2 label subsets.)" in text
    assert "(All labels, 2 encoders, 2 initializations.)" in text
    assert "accuracy on shapes" in text and "cross" in text
    comparisons = pd.read_csv(study.folder / "comparisons.csv")
    assert len(comparisons) == 8
    assert (study.folder / "label_efficiency.png").stat().st_size > 5000


def test_a_verdict_has_its_small_print(finished, dataset, tmp_path):
    study = finished[0]
    said = summary.small_print(study)
    assert "proves nothing" in said[0] and len(said) == 2
    assert "answer scores 10.0 %" in said[1]
    own = Study(replace(dataset, own_validation=True), CONFIG, study.folder, "tiny", num_seeds=2)
    assert "on only 30 validation images" in summary.small_print(own)[1]
    assert said[0] in study_command.summarize(study)
    record = study.encoder_folder(1) / "encoder.json"
    kept, made = record.read_bytes(), load_json(record)
    assert made["findings"] == []
    save_json(record, {**made, "findings": ["nothing learned: the loss is 4.1."]})
    finding = "The run doctor on encoder 1: nothing learned: the loss is 4.1."
    assert finding in summary.small_print(study)
    assert finding in study_command.summarize(study)
    record.write_bytes(kept)
    alone = Study(dataset, replace(CONFIG, num_subsets=1), tmp_path / "alone", "full", 1)
    assert "compares these two networks" in summary.small_print(alone)[0]
    short = Study(dataset, CONFIG, tmp_path / "short", "laptop", 1)
    assert "A longer pretraining may gain more" in summary.small_print(short)[0]
    for method, low in (("chance", 0.1), ("supervised", 0.3)):
        row = {"labels": 90, "subset_seed": 0, "metric": "accuracy", "value": low + 0.05}
        alone.results.add(method=method, low=low, high=0.4, **row)
    assert not any("most frequent" in sentence for sentence in summary.small_print(alone))


def test_a_study_is_published_with_what_made_it(finished, tmp_path):
    study = finished[0]
    study_command.summarize(study)
    made = {"source": "shapes", "from_folder": False, "preset": "tiny"}
    made |= {"settings": {"width": 8}, "provenance": {"date": "today"}}
    update_json(study.folder / "run.json", **made)
    save_json(study.folder / "data.json", {"summary": "shapes:\n  so many images"})
    publish_results.publish(study.folder, "shapes", tmp_path)
    page = (tmp_path / "shapes.md").read_text(encoding="utf-8")
    assert page.count("| SimCLR + fine-tuning |") == 3 and "  so many images" in page
    command = "study --source shapes --preset tiny --set width=8 --labels 20,90 --seeds 2"
    assert f"{command} --primary fine_tuned@90\n" in page
    assert "Pretraining with seed 1: 6 steps of 32 images" in page
    assert (tmp_path / "shapes.csv").read_bytes() == study.results.path.read_bytes()
    assert len(pd.read_csv(tmp_path / "shapes_comparisons.csv")) == 8
    curves = pd.read_csv(tmp_path / "shapes_pretraining.csv")
    assert set(curves["pretraining_seed"]) == {0, 1} and curves["loss"].notna().all()
    record = load_json(tmp_path / "shapes.json")
    assert [encoder["seed"] for encoder in record["encoders"]] == [0, 1]
    assert set(record["tuning"]) >= {"supervised-20", "fine_tuned-90"}


def test_time_left_is_in_proportion_to_the_work(monkeypatch):
    clock, lines = iter([0.0, 60.0, 240.0]), []
    monkeypatch.setattr("simclr_utils.study.progress.time.monotonic", lambda: next(clock))
    tasks = [Task("a", 10, lambda progress: None), Task("b", 30, lambda progress: None)]
    Progress(tasks, lines.append).run()
    assert lines == ["a: done, 1.0 min, about 3 left", "b: done, 4.0 min, about 0 left"]


@pytest.mark.parametrize("text, counts", [("50,100", (50, 100)), ("1_000, 50,50", (50, 1000))])
def test_label_counts_are_read(text, counts):
    assert study_command.parse_label_counts(text) == counts
    assert study_command.parse_label_counts(None) is None


@pytest.mark.parametrize("text", ["50,", "a", "0", "-5", "1.5", "50,\u00b2", "\u0665"])
def test_wrong_label_counts_are_refused(text):
    with pytest.raises(RunError, match="Write --labels"):
        study_command.parse_label_counts(text)


def test_wrong_arguments_write_nothing(tmp_path):
    out = tmp_path / "study"
    with pytest.raises(RunError, match="at least one pretraining run"):
        study_command.run("shapes", "tiny", num_seeds=0, out=out)
    with pytest.raises(RunError, match=r"Unknown settings \['widht'\]"):
        study_command.run("shapes", "tiny", settings={"widht": 8}, out=out)
    with pytest.raises(RunError, match="`image_size` is 8, but has to be .* 16"):
        study_command.run("shapes", "tiny", settings={"image_size": 8}, out=out)
    assert not out.exists()


def test_a_folder_that_cannot_be_loaded_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "images" / "unlabeled").mkdir(parents=True)
    with pytest.raises(RunError, match="train"):
        study_command.run(str(tmp_path / "images"), "tiny", out=tmp_path / "study")


def test_a_study_takes_an_image_size(tmp_path, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        study_command,
        "make",
        lambda folder, record, dataset, *rest: sizes.append(
            (dataset.image_shape, record["settings"])
        ),
    )
    settings = {"image_size": 24, "width": 4}
    study_command.run("shapes", "tiny", settings=settings, out=tmp_path / "study")
    assert sizes == [((24, 24, 3), settings)]


def test_a_study_takes_the_cache_and_how_files_are_read(tmp_path, monkeypatch):
    for seed in range(24):
        path = tmp_path / "images" / "train" / "ab"[seed % 2] / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        random_pixels = np.random.default_rng(seed).integers(0, 256, (20, 60, 3), np.uint8)
        Image.fromarray(random_pixels).save(path)
    notes = []
    monkeypatch.setattr(study_command, "make", lambda a, b, dataset, *rest: notes.append(dataset))
    cache = tmp_path / "elsewhere"
    settings = {"cache_dir": str(cache), "reading": {"resize": "squash"}}
    images, out = str(tmp_path / "images"), tmp_path / "study"
    study_command.run(images, "tiny", settings=settings, out=out)
    assert "Both sides scaled" in " ".join(notes[0].notes) and list(cache.glob("images-*"))


def test_an_encoder_is_not_measured_on_other_images_than_its_own(finished, dataset):
    folder = finished[0].encoder_folder(0)
    assert load_encoder(folder, dataset)[1]["fingerprint"] == dataset.fingerprint
    with pytest.raises(ValueError, match="other images .*test images now may have been"):
        load_encoder(folder, replace(dataset, fingerprint="another"))


def test_a_study_keeps_its_precision(finished, tmp_path, monkeypatch):
    assert stored_study(finished[0].folder)["precision"] == "float32"
    asked, out = [], tmp_path / "study"
    monkeypatch.setattr(study_command, "start", lambda seed, precision: asked.append(precision))
    monkeypatch.setattr(study_command, "make", lambda *arguments: None)
    for _ in range(2):
        study_command.run("shapes", "tiny", settings={"width": 4}, out=out)
        update_json(out / "run.json", study={"precision": "mixed_bfloat16"})
    assert asked == ["auto", "mixed_bfloat16"]


def test_rows_of_other_counts_and_subsets_are_left_out(finished, dataset):
    folder = finished[0].folder
    smaller = Study(dataset, replace(CONFIG, num_subsets=1), folder, "tiny", 1, (20,))
    frame = smaller.frame()
    assert set(frame["labels"]) == {20} and set(frame["subset_seed"]) == {0}
    assert set(frame["pretraining_seed"].dropna()) == {0}
    assert "90 labels" not in study_command.summarize(smaller)
    study_command.summarize(finished[0])  # its files again
