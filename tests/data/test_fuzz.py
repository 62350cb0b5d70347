"""Mutated files and arbitrary folders: an image, a listed refusal, or an error that is stated.

500 mutated files here, 20,000 in `make soak`.
"""

import collections
import io
import os
import tempfile
import warnings
from pathlib import Path

import fuzz_images
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from simclr_utils.data.dataset import load_dataset
from simclr_utils.data.decoding import decode_image
from simclr_utils.data.opening import FORMATS
from simclr_utils.data.pictures import Trait, fit_image

REPEATABLE = settings(
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def test_mutated_files_are_read_or_refused():
    found = fuzz_images.decode_task((0, 500))
    assert found["wrong"] == []
    assert found["read"] > 50 and sum(found["refused"].values()) > 200
    assert found["slowest"][0] < 5


def test_seeds_cover_the_formats_and_mutations_differ():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a JPEG with two pictures that Pillow itself wrote
        kinds = {Image.open(io.BytesIO(content)).format for content in fuzz_images.seed_files()}
    assert kinds >= {"BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"} and kinds <= set(FORMATS)
    content = fuzz_images.seed_files()[0]
    mutated = {fuzz_images.mutate(content, fuzz_images.random.Random(s)) for s in range(50)}
    assert len(mutated) > 40


def die_once(task):
    if task[0] == 0:
        os._exit(1)  # what a fault in native code does
    return {"read": task[1], "refused": collections.Counter(), "wrong": [], "slowest": (0.1, 1)}


def test_a_process_that_dies_is_counted_and_the_rest_goes_on():
    found = fuzz_images.fuzz(600, work=die_once)
    assert found["crashes"] == 1 and found["files"] == 350
    assert found["wrong"] == ["process died in 250 files from 0"]


MODES = {"1": 1, "L": 1, "LA": 1, "P": 3, "RGB": 3, "RGBA": 3, "CMYK": 3, "I;16": 1}


@REPEATABLE
@given(
    mode=st.sampled_from(sorted(MODES)),
    width=st.integers(1, 50),
    height=st.integers(1, 50),
    orientation=st.integers(0, 9),
    size=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_any_image_becomes_a_square_of_bytes(mode, width, height, orientation, size, seed):
    random_pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    image = Image.fromarray(random_pixels, "RGBA")
    image = image.convert("L") if mode == "I;16" else image
    image = image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "TIFF" if mode in ("CMYK", "LA") else "PNG", exif=exif)
    pixels, traits, *_ = decode_image(io.BytesIO(file.getvalue()), size)
    assert pixels.dtype == (np.float32 if mode == "I;16" else np.uint8)
    assert pixels.shape == (size, size, MODES[mode])
    assert Trait.DECODED in traits
    if mode in ("L", "RGB") and orientation in (0, 1, 9):
        np.testing.assert_array_equal(pixels, fit_image(image, size))


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters='/\\:*?"<>|\0.'), min_size=1, max_size=20
)


@REPEATABLE
@given(
    classes=st.dictionaries(NAMES, st.integers(0, 6), max_size=4),
    test=st.integers(0, 2),
    unlabeled=st.integers(0, 5),
    folders=st.lists(NAMES, max_size=3),
    broken=st.integers(0, 2),
)
def test_any_layout_is_read_with_right_labels_or_explained(
    classes, test, unlabeled, folders, broken
):
    """Two class names that a file system takes for one are no case of this course.

    Without classes there is no train/, and the images serve pretraining only.
    """
    classes = {name.strip(): count for name, count in classes.items() if name.strip()}
    with tempfile.TemporaryDirectory() as parent:
        root, labels = Path(parent) / "images", {}
        deep = root.joinpath("unlabeled", *folders)
        for folder in [root, deep, *(root / "train" / name for name in classes)]:
            folder.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in (root / "train").glob("*")) if classes else []
        seed = 0

        def write(folder, count, label):
            nonlocal seed
            folder.mkdir(parents=True, exist_ok=True)
            for _ in range(count):
                seed += 1
                pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{seed}.png")
                labels[pixels.tobytes()] = label

        write(deep, unlabeled, None)
        for name, count in classes.items():
            write(root / "train" / name, count, names.index(name))
            if test:
                write(root / "test" / name, test, names.index(name))
        for number in range(broken):
            (deep / f"broken{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(number))
        try:
            data = load_dataset(str(root), 16, cache_dir=str(Path(parent) / "cache"), max_refused=1)
        except ValueError as error:
            assert len(names) < 2 or min(classes.values()) < 2, error
            return
        assert len(names) != 1 and list(data.class_names) == names
        assert len(data.refused) == broken
        total = len(data.unlabeled) + len(data.validation[1]) + len(data.test[1])
        assert total == len(labels)
        for images, found in (data.train, data.validation, data.test):
            for image, label in zip(images, found, strict=True):
                assert labels[np.asarray(image).tobytes()] == label


def test_only_some_formats_are_opened():
    assert "EPS" in Image.OPEN and "EPS" not in FORMATS
