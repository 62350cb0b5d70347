"""What the names in a folder of images say: splits, classes, debris, masks, other files."""

import shutil

import numpy as np
import pytest
from image_folders import load, make_folder, noise, save

from simclr_utils.data.folder import most_refused
from simclr_utils.data.listing import is_unlabeled, list_images
from simclr_utils.data.walk import debris_kind, find_masks, is_no_image, meant_split


def note_with(data, words):
    (note,) = [note for note in data["notes"] if words in note]
    return note


# Debris


@pytest.mark.parametrize(
    "name",
    ["@eaDir", "__MACOSX", ".ipynb_checkpoints", "._x.png", ".DS_Store", "Thumbs.db", "desktop.ini"]
    + [".git", "$RECYCLE.BIN", ".Trash-1000", "#recycle", "lost+found", ".AppleDouble"]
    + [".thumbnails", "THUMBS.DB", ".@__thumb", "System Volume Information"],
)
def test_debris_is_known_by_its_name(name):
    assert debris_kind(name)


@pytest.mark.parametrize(
    "name", ["cat", ".net", "_background", "thumbs.db.png", "git", "@home", "1"]
)
def test_other_names_are_no_debris(name):
    assert not debris_kind(name)


def test_debris_is_ignored_in_any_depth_and_its_files_are_counted(tmp_path):
    root = make_folder(tmp_path / "f")
    for path in sorted((root / "train").rglob("*.png")):
        for name in ("SYNOPHOTO_THUMB_SM.jpg", "SYNOPHOTO_THUMB_XL.jpg"):
            save(path.parent / "@eaDir" / path.name / name, noise(900))
    save(root / "unlabeled/a/.ipynb_checkpoints/0-checkpoint.png", noise(901))
    save(root / "__MACOSX/train/cat/._0.png", noise(902))
    for name in (
        ".DS_Store",
        "train/.DS_Store",
        "train/cat/Thumbs.db",
        ".git/y",
        "train/cat/.x.png",
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"?")
    _, data = load(root, tmp_path)
    assert sum(data["sizes"].values()) == 32 and data["refused"] == []
    assert data["class_names"] == ["cat", "dog"]
    assert not any("Not used" in note for note in data["notes"])
    assert note_with(data, "ignored") == (
        "Files ignored because of their names: 2 .DS_Store, 1 .git, 1 .ipynb_checkpoints, "
        "40 @eaDir, 1 Thumbs.db, 1 __MACOSX, 1 hidden."
    )


def test_a_folder_without_debris_has_no_note_of_it(tmp_path):
    assert not any(
        "ignored" in note for note in load(make_folder(tmp_path / "f"), tmp_path)[1]["notes"]
    )


# Files that are no images


@pytest.mark.parametrize("name", ["a.txt", "b.CSV", "x/c.tar.gz", "README", "d.jpg.xml", "License"])
def test_names_that_belong_to_no_image(name):
    assert is_no_image(name)


@pytest.mark.parametrize(
    "name", ["a.png", "b.JPG", "c.heic", "d", "e.dat", "e.npy", "readme.png", "f.svg"]
)
def test_names_that_may_belong_to_an_image(name):
    assert not is_no_image(name)


def test_other_files_are_listed_and_stop_nothing(tmp_path):
    root = make_folder(tmp_path / "f")
    for path in sorted(root.rglob("*.png")):
        path.with_suffix(".json").write_text("{}")
    (root / "train/README").write_text("?")
    _, data = load(root, tmp_path)
    reasons = {reason for _, reason in data["refused"]}
    assert len(data["refused"]) == 33 and reasons == {"not an image file, by its name"}
    assert sum(data["sizes"].values()) == 32
    assert "Left out: 33 files, see refused.csv." in data["notes"]


def test_a_class_of_other_files_only_is_empty(tmp_path):
    root = make_folder(tmp_path / "f")
    (root / "train/bird").mkdir()
    (root / "train/bird/notes.txt").write_text("?")
    with pytest.raises(
        ValueError, match="bird holds no image, only files such as train/bird/notes.txt"
    ):
        load(root, tmp_path)


def test_nine_broken_files_stop_no_run_but_ten_and_a_share_do():
    assert most_refused(20, 0.05) == 9 and most_refused(1000, 0.05) == 50
    assert most_refused(20, 0) == 0  # none is none


def test_five_broken_files_of_a_small_folder_are_listed(tmp_path):
    root = make_folder(tmp_path / "f")
    for index in range(5):
        (root / f"unlabeled/bad{index}.png").write_bytes(b"x")
    _, data = load(root, tmp_path)
    assert [name for name, _ in data["refused"]] == [f"unlabeled/bad{i}.png" for i in range(5)]


# Masks


@pytest.mark.parametrize(
    "image, mask",
    [
        ("x.png", "x_mask.png"),
        ("x.jpg", "x_mask.png"),
        ("benign (1).png", "benign (1)_mask_1.png"),
        ("x.png", "x-mask.png"),
        ("x.png", "x_seg.tif"),
        ("x.png", "x_Segmentation.png"),
        ("x.png", "x_label.png"),
        ("x.png", "x_gt.bmp"),
        ("x.png", "masks/x.png"),
        ("images/x.png", "masks/x_mask.png"),
    ],
)
@pytest.mark.parametrize("place", ["train/cat/", "unlabeled/", "unlabeled/2023/"])
def test_masks_beside_images_are_found(place, image, mask):
    names = [place + image, place + mask]
    found = find_masks(names, lambda name: 1 + name.startswith("train"))
    assert found == ({place + mask: place + image}, {})


@pytest.mark.parametrize(
    "names",
    [
        ["train/cat/lone_mask.png", "train/cat/x.png"],
        ["train/mask/x.png", "train/masks/x.png"],  # classes of faces
        ["train/a/x.png", "train/b/x_mask.png"],
        ["train/a/x.png", "train/a/unmask.png", "train/a/x2.png"],
    ],
)
def test_what_only_sounds_like_a_mask_stays(names):
    assert find_masks(names, lambda name: 2) == ({}, {})


def test_a_few_masks_may_be_chance_and_are_read_and_said(tmp_path):
    root = make_folder(tmp_path / "f")
    save(root / "train/cat/1_label.png", noise(600))
    _, data = load(root, tmp_path)
    assert data["sizes"]["train"] + data["sizes"]["validation"] == 21 and not data["refused"]
    assert note_with(data, "names like masks").startswith("1 files have")


def test_masks_are_left_out_listed_and_counted(tmp_path):
    root = make_folder(tmp_path / "f")
    for path in sorted((root / "train").rglob("*.png")):
        save(path.with_name(f"{path.stem}_mask.png"), np.zeros((8, 8), np.uint8))
    save(root / "train/cat/lone_mask.png", noise(600))
    _, data = load(root, tmp_path)
    assert data["sizes"]["train"] + data["sizes"]["validation"] == 21
    assert len(data["refused"]) == 20
    assert ["train/cat/0_mask.png", "a mask of train/cat/0.png, by its name"] in data["refused"]
    assert note_with(data, "masks").startswith("20 files are masks")


# Classes


def test_class_names_may_begin_with_a_dot_or_an_underscore(tmp_path):
    root = make_folder(tmp_path / "f")
    for name in (".net", "_background"):
        shutil.copytree(root / "train/cat", root / "train" / name)
        for seed, path in enumerate(sorted((root / "train" / name).glob("*"))):
            save(path, noise(1000 + seed + 100 * len(name)))
        save(root / "test" / name / "0.png", noise(2000 + len(name)))
    (root / "train/.ipynb_checkpoints").mkdir()
    save(root / "train/.git/0.png", noise(3000))
    (root / "train/.empty").mkdir()
    _, data = load(root, tmp_path)
    assert data["class_names"] == [".net", "_background", "cat", "dog"]
    assert data["labels"]["test"].count(0) == 1


def test_numbered_classes_keep_their_names(tmp_path):
    root = tmp_path / "f"
    for name in ("1", "2", "10"):
        for index in range(4):
            save(root / "train" / name / f"{index}.png", noise(10 * int(name) + index))
    assert list_images(root).class_names == ["1", "10", "2"]


# Splits


@pytest.mark.parametrize(
    "name, split",
    [
        *[(name, "train") for name in ("Train", "TRAIN", "training", "train_set", "train2017")],
        *[(name, "test") for name in ("Test", "TEST", "testing", "test_set", "tests")],
        *[
            (name, "validation")
            for name in ("val", "Val", "valid", "dev", "Validation", "validaton")
        ],
        *[(name, "unlabeled") for name in ("unlabelled", "Unlabeled", "un-labeled", "unlabled")],
    ],
)
def test_a_near_name_stops_with_what_to_rename(tmp_path, name, split):
    root = make_folder(tmp_path / "f", unlabeled=2, train=3, test=2)
    (root / name).mkdir()
    with pytest.raises(ValueError) as raised:
        list_images(root)
    assert f"The folder {name}/ would not be read, because its name only resembles {split}/" in str(
        raised.value
    )
    there = (root / split).is_dir()
    assert ("merge the two" if there else f"Rename it to {split}/") in str(raised.value)


@pytest.mark.parametrize(
    "name", ["docs", "labeled", "masks", "strain", "text", "images", "results"]
)
def test_other_names_are_not_used_and_said(tmp_path, name):
    root = make_folder(tmp_path / "f")
    save(root / name / "0.png", noise(800))
    assert meant_split(name) is None
    assert f"Not used: {name}." in list_images(root).notes


def test_files_may_be_called_like_splits(tmp_path):
    root = make_folder(tmp_path / "f")
    for name in ("Test.csv", "val.txt", "train.csv"):
        (root / name).write_text("?")
    assert "Not used: Test.csv, train.csv, val.txt." in list_images(root).notes


def test_a_validation_folder_of_ones_own_is_used(tmp_path):
    root = make_folder(tmp_path / "f")
    for index in range(3):
        save(root / f"validation/dog/{index}.png", noise(700 + index))
    images, data = load(root, tmp_path)
    assert data["sizes"] == {"unlabeled": 6, "train": 20, "validation": 3, "test": 6}
    assert data["labels"]["validation"] == [1, 1, 1] and data["own_validation"]
    np.testing.assert_array_equal(images[26], noise(700))
    assert "The 3 images of validation/ are the validation images." in data["notes"]
    assert not any("no validation split" in note for note in data["notes"])
    save(root / "validation/bird/0.png", noise(800))
    with pytest.raises(ValueError, match=r"\['bird'\] occur in validation/ but not in train/"):
        load(root, tmp_path)


@pytest.mark.parametrize("split", ["test", "validation"])
def test_an_empty_split_is_refused(tmp_path, split):
    root = make_folder(tmp_path / "f", test=0)
    (root / split / "cat").mkdir(parents=True)
    with pytest.raises(ValueError, match=f"{split}/ has no images; fill it, or remove it"):
        load(root, tmp_path)


# Nothing labeled


@pytest.mark.parametrize("layout", ["unlabeled/", ""])
def test_images_alone_serve_pretraining(tmp_path, layout):
    root = tmp_path / "f"
    for index in range(5):
        save(root / layout / f"{index}.png", noise(index))
    (root / layout / "notes.txt").write_text("?")
    images, data = load(root, tmp_path)
    assert is_unlabeled(root)
    assert data["sizes"] == {"unlabeled": 5, "train": 0, "validation": 0, "test": 0}
    assert data["class_names"] == [] and len(images) == 5
    assert data["refused"] == [[f"{layout}notes.txt", "not an image file, by its name"]]
    assert "a verdict needs train/<class>/" in note_with(data, "Nothing is labeled")
    assert not any(" test split" in note for note in data["notes"])


def test_layouts_without_train_are_explained(tmp_path):
    root = make_folder(tmp_path / "f")
    assert not is_unlabeled(root)
    shutil.rmtree(root / "train")
    with pytest.raises(ValueError, match=r"no folder train/.*move test/ away"):
        load(root, tmp_path)
    shutil.rmtree(root / "test")
    (root / "unlabeled").rename(root / "2023")
    with pytest.raises(ValueError, match=r"class folders, move them into train/; if not, into unl"):
        load(root, tmp_path)
    (root / "2023").rename(root / "unlabeled")
    for path in (root / "unlabeled").glob("*"):
        path.unlink()
    with pytest.raises(ValueError, match="holds no image"):
        load(root, tmp_path)
    (root / "unlabeled/0.png").write_bytes(b"x")
    with pytest.raises(ValueError, match="1 of 1 files cannot be read.*unlabeled/0.png"):
        load(root, tmp_path)


@pytest.mark.parametrize("name", ["eval", "Evaluation", "holdout", "held_out"])
def test_a_name_that_may_mean_validation_or_test_stops(tmp_path, name):
    root = make_folder(tmp_path / "f")
    (root / name / "cat").mkdir(parents=True)
    with pytest.raises(ValueError, match=f"{name}/ may hold validation or test images.*Rename"):
        load(root, tmp_path)


def test_a_class_is_the_same_in_both_forms_of_unicode(tmp_path):
    """A Mac writes é as two characters, others as one."""
    root = make_folder(tmp_path / "f")
    (root / "train/cat").rename(root / "train/caf\u00e9")
    (root / "test/cat").rename(root / "test/cafe\u0301")
    _, data = load(root, tmp_path)
    assert data["class_names"] == ["caf\u00e9", "dog"]


def test_blank_images_are_named_where_a_class_is_lost(tmp_path):
    root = make_folder(tmp_path / "f")
    for path in (root / "train").glob("*/*"):
        save(path, np.full((8, 8, 3), 7, np.uint8))
    with pytest.raises(ValueError, match="20 images are blank: all of their pixels"):
        load(root, tmp_path)
