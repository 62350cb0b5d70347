"""load_dataset: the form of every source, splits, named datasets without a network."""

import gzip
import importlib.machinery
import io
import re
import subprocess
import sys
import tarfile
import threading
import time
import types
import zipfile

import numpy as np
import pytest
from PIL import Image

from simclr_utils.data import downloads, named, shapes
from simclr_utils.data.dataset import load_dataset
from simclr_utils.data.downloads import file_md5
from simclr_utils.data.medmnist_files import MEDMNIST_FILES, SIZES
from simclr_utils.data.repeats import digest_images, find_overlaps, settle_images
from simclr_utils.data.splits import (
    SPLITS,
    assign_splits,
    hold_out,
    stratified_sample,
)

TINY = {"unlabeled": 64, "train": 40, "validation": 20, "test": 30}


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty Keras folder and no network; fails if the network is asked more than once."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    if "keras" in sys.modules:  # Keras reads the variable once, when it is imported
        monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path / "keras"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(downloads, "is_reachable", lambda url: False)
    folder = tmp_path / "keras" / "datasets"
    folder.mkdir(parents=True)
    return folder


def random_images(num_images, size=8, channels=3, seed=0):
    shape = (num_images, size, size) + ((channels,) if channels == 3 else ())
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def check_form(dataset):
    """What holds for a dataset of any source."""
    assert dataset.image_shape[2] in (1, 3)
    for images, labels in (dataset.train, dataset.validation, dataset.test):
        assert images.dtype == np.uint8 and images.shape[1:] == dataset.image_shape
        assert labels.dtype == np.int64 and labels.shape == (len(images),)
        assert labels.min() >= 0 and labels.max() < dataset.num_classes
    assert set(dataset.train[1]) == set(range(dataset.num_classes))
    pool, validation, test = map(
        digest_images, (dataset.unlabeled, dataset.validation[0], dataset.test[0])
    )
    assert not np.isin(test, np.concatenate([pool, validation])).any()
    assert not np.isin(validation, pool).any()
    np.testing.assert_array_equal(dataset.unlabeled[-len(dataset.train[0]) :], dataset.train[0])
    assert np.shares_memory(dataset.unlabeled, dataset.train[0])
    assert len(dataset.fingerprint) == 12 and int(dataset.fingerprint, 16) >= 0


# Shapes


def test_shapes_have_the_sizes_asked_for():
    dataset = load_dataset("shapes", limits=TINY)
    check_form(dataset)
    assert len(dataset.unlabeled) == 64 + 40 and len(dataset.test[0]) == 30
    assert dataset.image_shape == (32, 32, 3) and dataset.class_names == shapes.CLASS_NAMES
    assert "unlabeled" in repr(dataset) and "104 images" in repr(dataset)


def test_shapes_follow_the_seed_and_the_image_size():
    first, again = (load_dataset("shapes", seed=3, limits=TINY) for _ in range(2))
    other = load_dataset("shapes", seed=4, limits=TINY)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    np.testing.assert_array_equal(first.unlabeled, again.unlabeled)
    np.testing.assert_array_equal(first.test[1], again.test[1])
    assert load_dataset("shapes", image_size=16, limits=TINY).image_shape == (16, 16, 3)


def test_shapes_labels_belong_to_their_images():
    dataset = load_dataset("shapes", limits=TINY)
    drawn = shapes.render_shapes(40, seed=[0, SPLITS.index("train")])
    np.testing.assert_array_equal(dataset.train[0], drawn.images)
    np.testing.assert_array_equal(dataset.train[1], drawn.labels)


def test_shapes_without_unlabeled_images():
    dataset = load_dataset("shapes", limits=TINY | {"unlabeled": 0})
    assert len(dataset.unlabeled) == 40


def test_tensorflow_is_not_imported():
    code = "import sys, simclr_utils.data.dataset; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# Arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "imagenet"}, "source='imagenet' is neither a folder"),
        ({"source": "medmnist:"}, "neither a folder"),
        ({"image_size": 4}, "image_size=4"),
        ({"image_size": 32.0}, "image_size=32.0"),
        ({"seed": -1}, "seed=-1"),
        ({"max_refused": 5}, "max_refused=5"),
        ({"limits": {"val": 3}}, r"unknown names \['val'\]"),
        ({"limits": {"test": 0}}, r"limits\['test'\] is 0"),
        ({"limits": {"train": 2.5}}, r"limits\['train'\] is 2.5"),
        ({"limits": TINY | {"train": 5}}, "has no train image left"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(**arguments)


# A folder


def test_a_folder_gives_a_dataset(tmp_path):
    for index, pixels in enumerate(random_images(44)):
        split, name = ("train", "test")[index % 4 == 3], ("a", "b")[index % 2]
        path = tmp_path / "my images" / (f"{split}/{name}" if index < 40 else "unlabeled")
        path.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path / f"{index}.png")
    (tmp_path / "my images/test/a").mkdir()
    (tmp_path / "my images/unlabeled/broken.png").write_bytes(b"x")
    for _ in range(2):  # decoded, then from the cache
        dataset = load_dataset(tmp_path / "my images", cache_dir=tmp_path / "cache")
        check_form(dataset)
        assert dataset.name == "my images" and dataset.class_names == ("a", "b")
        assert [len(part[0]) for part in (dataset.train, dataset.validation, dataset.test)] == [
            27,
            3,
            10,
        ]
        assert dataset.refused[0][0] == "unlabeled/broken.png"
        assert set(dataset.test[1]) == {1}
        assert isinstance(dataset.unlabeled, np.memmap) and len(dataset.unlabeled) == 27 + 4


# Splits


def test_hold_out_is_stratified_with_one_image_of_each_class_that_has_two():
    labels = np.repeat([0, 1, 2, 3], [100, 30, 2, 1])
    held = hold_out(labels, 0.1, np.random.default_rng(0))
    assert np.bincount(labels[held], minlength=4).tolist() == [10, 3, 1, 0]


def test_stratified_sample_is_in_proportion_and_leaves_no_class_out():
    labels = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [600, 300, 3]))
    chosen = stratified_sample(labels, 90, np.random.default_rng(0))
    counts = np.bincount(labels[chosen])
    assert counts.sum() == 90 and counts[2] >= 1
    np.testing.assert_allclose(counts[:2], [60, 30], atol=2)


def test_a_sample_smaller_than_the_number_of_classes_is_not_of_the_first_ones():
    labels = np.repeat(np.arange(100), 3)
    chosen = labels[stratified_sample(labels, 40, np.random.default_rng(0))]
    assert len(np.unique(chosen)) == 40 and chosen.max() > 80


def test_splits_are_disjoint_and_follow_the_seed():
    codes, labels = np.repeat([0, 1], [50, 200]), np.tile([0, 1], 125)
    groups, _ = assign_splits(codes, labels, seed=1)
    assert {name: len(group) for name, group in groups.items()} == {
        "unlabeled": 50,
        "train": 144,
        "validation": 16,
        "test": 40,
    }
    assert len(np.unique(np.concatenate(list(groups.values())))) == 250
    same, other = (assign_splits(codes, labels, seed=seed)[0]["test"] for seed in (1, 2))
    np.testing.assert_array_equal(groups["test"], same)
    assert not np.array_equal(groups["test"], other)


def test_train_images_beyond_the_limit_join_the_unlabeled_ones():
    codes, labels = np.ones(200, int), np.tile([0, 1], 100)
    groups, notes = assign_splits(codes, labels, {"train": 20, "unlabeled": 100})
    assert len(groups["train"]) == 20 and len(groups["unlabeled"]) == 100
    held_out = np.concatenate([groups["train"], groups["validation"], groups["test"]])
    assert not np.isin(groups["unlabeled"], held_out).any()
    assert any("without their labels" in note for note in notes)


def test_a_limit_below_the_number_of_classes_is_raised_and_said():
    labels = np.repeat(np.arange(50), 8)
    groups, notes = assign_splits(np.ones(400, int), labels, {"train": 20})
    assert np.bincount(labels[groups["train"]]).tolist() == [2] * 50
    assert any("number of classes, 50: up to 2 of each" in note for note in notes)


def test_classes_too_small_to_split_are_refused_with_what_to_add():
    with pytest.raises(ValueError, match=r"no validation image.*three or more.*validation/"):
        assign_splits(np.array([1, 1, 3]), np.array([0, 1, 0]))
    with pytest.raises(ValueError, match=r"no test image"):
        assign_splits(np.ones(3, int), np.arange(3))


def test_classes_of_two_images_share_what_is_held_out():
    labels = np.repeat(np.arange(30), 2)
    groups, notes = assign_splits(np.ones(60, int), labels)
    assert {name: len(group) for name, group in groups.items()} == {
        **{"unlabeled": 0, "train": 30},
        **{"validation": 15, "test": 15},
    }
    assert set(labels[groups["train"]]) == set(range(30))
    assert len(np.unique(np.concatenate(list(groups.values())))) == 60
    assert any("half of the test images (15, seed 0)" in note for note in notes)


def test_without_train_images_nothing_is_split():
    groups, notes = assign_splits(np.zeros(9, int), np.full(9, -1), {"train": 4, "unlabeled": 5})
    assert {name: len(group) for name, group in groups.items()} == {
        **dict.fromkeys(SPLITS, 0),
        "unlabeled": 5,
    }
    assert notes == ["unlabeled: 5 of 9 images, a random sample (seed 0)."]


def test_overlaps_are_removed_from_the_side_that_trains():
    #          unlabeled    train     validation  test
    digests = [1, 2, 3, 4, 5, 6, 2, 9, 7, 3, 1, 8, 1, 8]
    codes = np.repeat([0, 1, 2, 3], [4, 4, 3, 3])
    keep, counts = find_overlaps(np.array(digests, np.uint64), codes, np.ones(14, bool))
    # 1 occurs in test; 3 in validation; the repetitions of 2 and 8 are harmless.
    assert np.flatnonzero(~keep).tolist() == [0, 2, 10]
    assert counts == {
        "unlabeled_in_test": 1,
        "train_in_test": 0,
        "validation_in_test": 1,
        "unlabeled_in_validation": 1,
        "train_in_validation": 0,
    }


def test_settling_compacts_in_place_over_several_blocks():
    images = random_images(3000, size=2)
    original = images.copy()
    keep = np.random.default_rng(1).random(3000) < 0.7
    labels = np.zeros(3000, int)
    sizes = dict(zip(SPLITS, (1500, 500, 400, 600), strict=True))
    settled, data = settle_images(images, sizes, labels, ["a"], keep=keep, channels=1)
    assert np.shares_memory(settled, images)
    np.testing.assert_array_equal(settled, original[keep][..., :1])
    assert data["sizes"]["unlabeled"] == keep[:1500].sum()
    assert data["notes"] == ["No image of one split occurs in another."]


# Named datasets


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("cifar10", "kriz/cifar-10-binary.tar.gz as .*datasets.cifar-10-binary.tar.gz"),
        ("fashion_mnist", "train-images-idx3-ubyte.gz.*t10k-labels.*fashion-mnist"),
        ("medmnist:bloodmnist", r"zenodo.*bloodmnist.npz as .*bloodmnist.npz"),
    ],
)
def test_offline_says_what_to_download_and_where_to_put_it(offline, source, words):
    with pytest.raises(ConnectionError, match=words) as caught:
        load_dataset(source)
    assert str(caught.value).count(". ") == 0 and str(offline) in str(caught.value)


def test_a_source_that_never_answers_is_given_up(monkeypatch):
    never = threading.Event()
    monkeypatch.setattr(downloads.urllib.request, "urlopen", lambda *a, **k: never.wait())
    start = time.perf_counter()
    assert not downloads.is_reachable("https://example.org", seconds=0.05)
    assert time.perf_counter() - start < 1
    never.set()


def test_a_refused_connection_is_unreachable():
    start = time.perf_counter()
    assert not downloads.is_reachable("http://127.0.0.1:9", seconds=20)
    assert time.perf_counter() - start < 10


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + array.tobytes()))


def accept(monkeypatch, files, folder):
    """Lets files of a test pass for the official ones."""
    for name, (url, _) in list(files.items()):
        monkeypatch.setitem(files, name, (url, file_md5(folder / name)))


def test_fashion_mnist_files_already_there_are_used(offline, monkeypatch):
    folder = offline / "fashion-mnist"
    folder.mkdir()
    for prefix, seed, count in (("train", 0, 200), ("t10k", 1, 50)):
        images = random_images(count, size=28, channels=1, seed=seed)
        write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8) % 10)
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz has the MD5 .*8d4fb7e6"):
        load_dataset("fashion_mnist")
    accept(monkeypatch, named.FASHION_MNIST_FILES, offline)
    dataset = load_dataset("fashion_mnist")
    check_form(dataset)
    assert dataset.image_shape == (28, 28, 1) and dataset.class_names[9] == "Ankle boot"
    assert len(dataset.unlabeled) == len(dataset.train[0]) == 180
    np.testing.assert_array_equal(dataset.test[0][..., 0], random_images(50, 28, 1, seed=1))
    np.testing.assert_array_equal(dataset.test[1], np.arange(50) % 10)
    assert load_dataset("fashion_mnist", image_size=32).image_shape == (32, 32, 1)


def write_cifar10(path, batches):
    """The binary version: a byte for the label, then all red, all green, all blue values."""
    with tarfile.open(path, "w:gz") as archive:
        for name, (images, labels) in batches.items():
            rows = np.concatenate(
                [labels[:, None], images.transpose(0, 3, 1, 2).reshape(len(images), -1)], axis=1
            )
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            member.size = rows.size
            archive.addfile(member, io.BytesIO(rows.astype(np.uint8).tobytes()))


def test_cifar10_is_read_from_its_archive_and_split_stratified(offline, monkeypatch):
    images, labels = random_images(250, size=32), np.arange(250) % 10
    images[7] = images[249]  # once in train, once in test
    batches = {f"data_batch_{n + 1}": slice(40 * n, 40 * n + 40) for n in range(5)}
    batches["test_batch"] = slice(200, 250)
    archive = offline / "cifar-10-binary.tar.gz"
    write_cifar10(archive, {name: (images[part], labels[part]) for name, part in batches.items()})
    with pytest.raises(ValueError, match="has the MD5 .* but the official file has c32a1d4a"):
        load_dataset("cifar10")
    accept(monkeypatch, named.CIFAR10_FILES, offline)
    dataset = load_dataset("cifar10", limits={"train": 50})
    check_form(dataset)
    np.testing.assert_array_equal(dataset.test[0], images[200:])
    np.testing.assert_array_equal(dataset.test[1], labels[200:])
    assert np.bincount(dataset.train[1]).min() >= 4 and len(dataset.validation[0]) in (19, 20)
    assert sum(dataset.overlaps.values()) == 1 and len(dataset.test[0]) == 50
    assert len(dataset.unlabeled) + len(dataset.validation[0]) == 199
    # A study counts the validation images, which came from train, among its labels.
    assert not dataset.own_validation
    assert len(dataset.labeled[1]) == len(dataset.train[1]) + len(dataset.validation[1])
    assert np.shares_memory(dataset.labeled[0], dataset.validation[0])
    np.testing.assert_array_equal(dataset.labeled[1][50:], dataset.validation[1])
    np.testing.assert_array_equal(dataset.labeled[0][50:], dataset.validation[0])
    assert dataset.class_names[0] == "airplane"
    assert [path.name for path in offline.iterdir()] == [archive.name]  # nothing is unpacked


def write_medmnist(path, channels=1, num_classes=2, **changes):
    arrays = {}
    for seed, (key, count) in enumerate((("train", 30), ("val", 10), ("test", 12))):
        arrays[f"{key}_images"] = random_images(count, 28, channels, seed)
        arrays[f"{key}_labels"] = (np.arange(count, dtype=np.uint8) % num_classes)[:, None]
    np.savez(path, **(arrays | changes))
    return path


def test_medmnist_by_path_keeps_its_splits_and_its_one_channel(tmp_path):
    path = write_medmnist(tmp_path / "pneumoniamnist.npz")
    dataset = load_dataset(f"medmnist:{path}")
    check_form(dataset)
    assert dataset.name == "pneumoniamnist"
    assert dataset.image_shape == (28, 28, 1) and dataset.class_names == ("normal", "pneumonia")
    assert dataset.own_validation and len(dataset.labeled[1]) == len(dataset.train[1]) == 30
    np.testing.assert_array_equal(dataset.validation[0][..., 0], random_images(10, 28, 1, seed=1))
    assert len(dataset.unlabeled) == 30
    assert "not an official file" in dataset.notes[0]
    again = load_dataset(path)
    assert again.name == "pneumoniamnist" and again.fingerprint == dataset.fingerprint
    color = load_dataset(f"medmnist:{write_medmnist(tmp_path / 'own.npz', 3, num_classes=3)}")
    assert color.image_shape == (28, 28, 3) and color.class_names == ("0", "1", "2")


def test_medmnist_by_name_holds_the_checksum(offline, monkeypatch):
    path = write_medmnist(offline / "breastmnist.npz")
    with pytest.raises(ValueError, match="has the MD5 .* but the official file has 750601b1"):
        load_dataset("medmnist:breastmnist")
    names = MEDMNIST_FILES["breastmnist"][1]
    monkeypatch.setitem(MEDMNIST_FILES, "breastmnist", ((file_md5(path),), names))
    dataset = load_dataset("medmnist:breastmnist")
    check_form(dataset)
    assert dataset.name == "medmnist:breastmnist" and dataset.class_names == names


@pytest.mark.parametrize(
    "image_size, file",
    [(None, "pathmnist"), (28, "pathmnist"), (32, "pathmnist_64"), (64, "pathmnist_64")]
    + [(96, "pathmnist_128"), (224, "pathmnist_224"), (300, "pathmnist_224")],
)
def test_medmnist_takes_the_smallest_file_that_is_large_enough(offline, image_size, file):
    with pytest.raises(ConnectionError, match=f"records/10519652/files/{file}.npz as .*{file}.npz"):
        load_dataset("medmnist:pathmnist", image_size=image_size)


def test_every_official_file_of_medmnist_has_a_checksum_of_its_own():
    sums = [md5 for sums, _ in MEDMNIST_FILES.values() for md5 in sums]
    assert all(len(sums) == len(SIZES) == 4 for sums, _ in MEDMNIST_FILES.values())
    assert len(set(sums)) == 48 and all(re.fullmatch("[0-9a-f]{32}", md5) for md5 in sums)


def test_a_download_that_breaks_off_is_told_in_a_sentence(offline, monkeypatch):
    import keras

    def break_off(*_, **__):
        raise Exception("URL fetch failure: reset by peer")

    monkeypatch.setattr(downloads, "is_reachable", lambda url: True)
    monkeypatch.setattr(keras.utils, "get_file", break_off)
    with pytest.raises(ConnectionError, match="could not be downloaded as .*reset by peer"):
        load_dataset("medmnist:breastmnist")


def test_medmnist_is_downloaded_to_the_folder_of_keras_with_its_checksum(offline, monkeypatch):
    import keras

    def get_file(name, origin, cache_dir, cache_subdir, file_hash):
        assert cache_subdir == "datasets"
        assert origin == "https://zenodo.org/records/10519652/files/breastmnist.npz"
        assert file_hash == MEDMNIST_FILES["breastmnist"][0][0]
        assert cache_dir == str(offline.parent)
        return str(write_medmnist(offline / name))

    monkeypatch.setattr(downloads, "is_reachable", lambda url: True)
    monkeypatch.setattr(keras.utils, "get_file", get_file)
    with pytest.raises(ValueError, match="has the MD5"):  # what was "downloaded" is checked
        load_dataset("medmnist:breastmnist")
    assert (offline / "breastmnist.npz").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_images": np.zeros((12, 28, 28, 28), np.uint8)}, "Volumes"),
        ({"val_images": np.zeros((10, 28, 28), np.float32)}, "expected uint8"),
        ({"val_images": np.array([object()] * 10)}, "plain arrays"),
        ({"val_images": np.zeros((10, 32, 32), np.uint8)}, "of one shape in all splits"),
        (
            {
                f"{part}_images": np.zeros((count, 28, 40), np.uint8)
                for part, count in (("train", 30), ("val", 10), ("test", 12))
            },
            "expected square images",
        ),
    ],
)
def test_medmnist_files_of_other_kinds_are_refused(tmp_path, changes, message):
    path = write_medmnist(tmp_path / "other.npz", **changes)
    with pytest.raises(ValueError, match=message):
        load_dataset(f"medmnist:{path}")


def test_an_array_that_claims_more_than_its_file_holds_takes_no_memory(tmp_path):
    head = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 28, 28)}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, head)
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("train_images.npy", header.getvalue())
    with pytest.raises(ValueError, match=r"train_images claims the shape \(1000000000, 28, 28\)"):
        load_dataset(f"medmnist:{tmp_path}/huge.npz")


def test_medmnist_names_and_paths_that_do_not_exist(tmp_path):
    with pytest.raises(ValueError, match="Unknown dataset 'medmnist:chessmnist'.*pathmnist"):
        load_dataset("medmnist:chessmnist")
    with pytest.raises(ValueError, match="There is no file"):
        load_dataset(f"medmnist:{tmp_path}/none.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(ValueError, match=r"text.npz is not a MedMNIST file"):
        load_dataset(f"medmnist:{tmp_path}/text.npz")


def test_stl10_needs_its_extra_and_its_files(offline, monkeypatch):
    monkeypatch.setattr(named.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install -e "\.\[stl10\]"'):
        load_dataset("stl10", cache_dir=offline)
    spec = importlib.machinery.ModuleSpec("tensorflow_datasets", None)
    monkeypatch.setattr(named.importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ConnectionError, match="tfds build stl10.*stl10_binary.tar.gz"):
        load_dataset("stl10", cache_dir=offline)


class FakeBuilder:
    """The part of a tensorflow-datasets builder that is used: three splits of examples."""

    def __init__(self):
        images = random_images(90, size=96)
        images[3] = images[88]  # an unlabeled image that occurs in test
        labels = np.concatenate([np.full(40, -1), np.arange(50) % 10])
        self.examples = [
            {"image": image, "label": label} for image, label in zip(images, labels, strict=True)
        ]
        self.ranges = {"unlabelled": (0, 40), "train": (40, 70), "test": (70, 90)}
        names = [f"class {index}" for index in range(10)]
        self.info = types.SimpleNamespace(
            splits={
                name: types.SimpleNamespace(num_examples=stop - start)
                for name, (start, stop) in self.ranges.items()
            },
            features={"label": types.SimpleNamespace(names=names)},
        )

    def download_and_prepare(self):
        pass

    def as_dataset(self, split, shuffle_files):
        return self.examples[slice(*self.ranges[split])]


def test_stl10_is_streamed_into_the_cache(offline, tmp_path, monkeypatch):
    module = types.ModuleType("tensorflow_datasets")
    module.__spec__ = importlib.machinery.ModuleSpec("tensorflow_datasets", None)
    module.builder = lambda name, data_dir: FakeBuilder()
    module.as_numpy = iter
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)
    (tmp_path / "tfds" / "stl10").mkdir(parents=True)
    dataset = load_dataset("stl10", cache_dir=tmp_path / "cache")
    check_form(dataset)
    assert dataset.image_shape == (96, 96, 3) and isinstance(dataset.unlabeled, np.memmap)
    assert dataset.overlaps["unlabeled_in_test"] == 1
    assert len(dataset.unlabeled) == 39 + 20 and len(dataset.validation[0]) == 10
    np.testing.assert_array_equal(dataset.unlabeled[0], random_images(90, size=96)[0])
    np.testing.assert_array_equal(dataset.test[1], np.arange(30, 50) % 10)
    monkeypatch.setattr(named, "open_stl10", None)  # the second time, it is not needed
    again = load_dataset("stl10", cache_dir=tmp_path / "cache")
    assert again.fingerprint == dataset.fingerprint
