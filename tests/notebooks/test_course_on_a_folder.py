"""The course itself, headless, on a folder that is unlike the embedded dataset."""

import numpy as np
import pytest
from PIL import Image

from simclr_utils import files
from simclr_utils.__main__ import NOTEBOOKS, main
from simclr_utils.cli.arguments import select_notebooks
from simclr_utils.cli.notebooks import run
from simclr_utils.evaluation import results

# What notebooks 04 to 06 measure.
MEASURED = {"linear_probe", "knn", "fine_tuned", "supervised", "random_encoder", "raw_pixels"}
MEASURED |= {"chance"}
CLASSES = {"dark": 40, "bright": 130}


@pytest.fixture
def folder(tmp_path):
    """Gray pictures of 20 x 24 pixels, two classes, no test/, and a file that is no image."""
    random, root = np.random.default_rng(0), tmp_path / "scans"
    for part, number in (("train", 60), ("unlabeled", 30)):
        for name, light in CLASSES.items():
            below = root / part / name
            below.mkdir(parents=True)
            for index in range(number):
                pixels = random.integers(light - 40, light + 120, (24, 20)).astype("uint8")
                Image.fromarray(pixels).save(below / f"{index}.png")
    (root / "unlabeled" / "notes.txt").write_text("no image")
    return root


def test_a_folder_of_gray_images_goes_all_the_way(folder, tmp_path, capsys):
    before = sorted(folder.rglob("*"))
    run_dir = tmp_path / "run"
    settings = {"cache_dir": str(tmp_path / "cache"), "label_counts": [20, 500], "width": 4}
    settings["encoder"] = "small_cnn_wide"  # features are not eight times the width
    settings["search"] = "rate"  # each weight decay would be another graph
    notebooks = select_notebooks(NOTEBOOKS, "03-05")
    assert run(notebooks, str(folder), "tiny", settings=settings, out=run_dir)
    measured = (run_dir / "results.csv").read_bytes()
    encoder = (run_dir / "encoders/0/encoder.keras").stat().st_mtime_ns
    frame = results.Results(run_dir / "results.csv").frame()
    assert set(frame[frame["labels"] == 20]["method"]) == MEASURED - {"fine_tuned"}
    assert frame["labels"].max() == 96  # all there are: 120, less a fifth for test
    pixels = frame[(frame["method"] == "raw_pixels") & (frame["metric"] == "accuracy")]
    assert pixels["value"].min() > 0.9
    made = files.load_json(run_dir / "encoders/0/encoder.json")
    assert made["image_shape"] == [20, 20, 1] and made["config"]["width"] == 4
    assert 'notes.txt,"not an image' in (run_dir / "refused.csv").read_text()
    assert sorted(folder.rglob("*")) == before
    # Notebooks 06 and 09 continue in the same folder, and so does the command `study`.
    notebooks = select_notebooks(NOTEBOOKS, "06,09")
    assert run(notebooks, str(folder), "tiny", settings=settings, out=run_dir)
    rows = (run_dir / "results.csv").read_bytes()
    added = rows.removeprefix(measured).decode().splitlines()
    later = {"fine_tuned", "kmeans", "simclr_and_kmeans"}
    assert rows.startswith(measured) and {row.split(",")[1] for row in added} == later
    (run_dir / "verdict.html").unlink()
    options = ["--set", "width=4", "--set", "encoder=small_cnn_wide", "--set", "search=rate"]
    options += ["--labels", "20,500"]
    options += ["--source", str(folder), "--preset", "tiny", "--seeds", "1", "--out", str(run_dir)]
    capsys.readouterr()
    assert main(["study", *options]) == 0
    assert "Nothing is left to do." in capsys.readouterr().out
    assert (run_dir / "results.csv").read_bytes() == rows and (run_dir / "verdict.html").exists()
    assert [path.name for path in (run_dir / "encoders").iterdir()] == ["0"]
    assert (run_dir / "encoders/0/encoder.keras").stat().st_mtime_ns == encoder


def test_a_small_uneven_folder_ends_in_an_answer(tmp_path):
    """600 images, a third class with three of them, and no test/: notebook 09 to its end."""
    random, root = np.random.default_rng(1), tmp_path / "animals"
    for name, number in {"common": 400, "scarce": 197, "nearly none": 3}.items():
        (root / "train" / name).mkdir(parents=True)
        for index in range(number):
            pixels = random.integers(0, 200, (18, 18, 3)) + 50 * (name == "scarce")
            Image.fromarray(pixels.astype("uint8")).save(root / "train" / name / f"{index}.png")
    settings = {"cache_dir": str(tmp_path / "cache"), "label_counts": [30], "search": "rate"}
    run_dir, notebooks = tmp_path / "run", select_notebooks(NOTEBOOKS, "09")
    assert run(notebooks, str(root), "tiny", settings=settings, out=run_dir)
    page = (run_dir / "verdict.html").read_text(encoding="utf-8")
    assert "No verdict: the preset tiny is made for speed" in page
    assert "--source FOLDER --preset full" in page and "in 3 classes" in page
    assert "At 30 labels, SimCLR + fine-tuning minus the baseline: " in page
    frame = results.Results(run_dir / "results.csv").frame()
    assert {"fine_tuned", "supervised", "linear_probe"} <= set(frame["method"])


def test_images_without_labels_end_in_an_encoder_and_no_verdict(tmp_path, capsys):
    random, root = np.random.default_rng(2), tmp_path / "pool"
    (root / "unlabeled").mkdir(parents=True)
    for index in range(70):
        pixels = random.integers(0, 256, (18, 18, 3), np.uint8)
        Image.fromarray(pixels).save(root / "unlabeled" / f"{index}.png")
    settings, run_dir = {"cache_dir": str(tmp_path / "cache")}, tmp_path / "run"
    notebooks = select_notebooks(NOTEBOOKS, "03-05,09")
    assert run(notebooks, str(root), "tiny", settings=settings, out=run_dir)
    assert (run_dir / "encoders/0/encoder.keras").exists()
    assert "04, 05 need labels and are left out" in capsys.readouterr().out
    page = (run_dir / "verdict.html").read_text(encoding="utf-8")
    assert "No verdict: none of these images has a label" in page and "effective rank" in page
