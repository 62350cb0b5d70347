"""The table labels.csv: what it may say, what it may not, and how spreadsheets write it."""

import csv

import numpy as np
import pytest
from image_folders import load, make_folder, noise, save

from simclr_utils.data import load_dataset
from simclr_utils.data.listing import is_unlabeled, list_images
from simclr_utils.data.table import read_table


def make_plain(root, count=12):
    """Writes images without class folders, half of them in a subfolder."""
    for index in range(count):
        save(root / ("scans" if index % 2 else "") / f"{index:03}.png", noise(index))
    return root


def names(count=12):
    return [f"scans/{index:03}.png" if index % 2 else f"{index:03}.png" for index in range(count)]


def write(root, rows, header="file,label", encoding="utf-8"):
    root.mkdir(exist_ok=True)
    text = "\n".join([header, *rows]) + "\n"
    (root / "labels.csv").write_bytes(text.encode(encoding))
    return root


def test_a_table_replaces_class_folders(tmp_path):
    root = make_plain(tmp_path / "f")
    rows = [f"{name},{'ab'[index % 2]}" for index, name in enumerate(names(10))]
    rows += [f"{names()[10]},"]  # an empty label; the last file has no row
    images, data = load(write(root, rows), tmp_path)
    assert data["class_names"] == ["a", "b"] and data["refused"] == []
    assert data["sizes"] == {"unlabeled": 2, "train": 6, "validation": 2, "test": 2}
    assert data["files"][:2] == [names()[10], names()[11]]
    np.testing.assert_array_equal(images[:2], [noise(10), noise(11)])
    for name, label in zip(data["files"][2:], data["labels"]["train"], strict=True):
        assert label == ("scans/" in name)
    assert any("names 11 of 12 images; the others are unlabeled" in note for note in data["notes"])
    assert "groups" not in data
    assert not is_unlabeled(root)


def test_labels_beyond_a_limit_are_remembered(tmp_path):
    root = make_plain(tmp_path / "f", 20)
    write(root, [f"{name},{'ab'[index % 2]}" for index, name in enumerate(names(18))])
    dataset = load_dataset(
        root, image_size=8, cache_dir=tmp_path / "cache", limits={"train": 4, "test": 2}
    )
    assert len(dataset.train[1]) == 4
    assert set(dataset.files) - set(dataset.labeled_files) == set(names(20)[18:])


def test_a_change_of_the_table_is_noticed(tmp_path):
    root = make_plain(tmp_path / "f")
    write(root, [f"{name},{'ab'[index % 2]}" for index, name in enumerate(names())])
    before = load(root, tmp_path)[1]["labels"]
    write(root, [f"{name},{'aab'[index % 3]}" for index, name in enumerate(names())])
    assert load(root, tmp_path)[1]["labels"] != before


def test_stated_splits_are_kept_and_the_others_are_taken_from_the_rest(tmp_path):
    root = make_plain(tmp_path / "f", 24)
    stated = ["test"] * 4 + ["train"] * 8 + [""] * 12
    rows = [f"{name},{'ab'[i % 2]},{stated[i]}" for i, name in enumerate(names(24))]
    data = load(write(root, rows, "file,label,split"), tmp_path)[1]
    assert data["sizes"] == {"unlabeled": 0, "train": 18, "validation": 2, "test": 4}
    assert set(names(24)[4:12]) <= set(data["files"])  # train that is stated stays train
    assert data["labels"]["test"] == [0, 0, 1, 1]


def test_images_of_test_without_a_label_are_in_no_split(tmp_path):
    root = make_plain(tmp_path / "f")
    rows = [f"{name},{'ab'[index % 2]},train" for index, name in enumerate(names(10))]
    write(root, [*rows, f"{names()[10]},,test"], "file,label,split")
    files = list_images(root)
    assert files.strays == [[names()[10], "is in test by labels.csv, but without a label"]]
    assert names()[10] not in files.names and files.codes.tolist().count(0) == 1


@pytest.mark.parametrize(
    "encoding, separator, ending",
    [("utf-8-sig", ";", "\r\n"), ("utf-8", "\t", "\n"), ("utf-8", ",", "\r\n")],
)
def test_spreadsheets_write_tables_in_several_ways(tmp_path, encoding, separator, ending):
    rows = [("File", "LABEL", "Group", "age"), ("scans\\a.png", " Grün ", "007", "4,5")]
    rows += [("./b.png", "NA", "7", ""), ("", "", "", "")]
    with open(tmp_path / "labels.csv", "w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator, lineterminator=ending).writerows(rows)
    table = read_table(tmp_path)
    assert table.rows["scans/a.png"] == ("Grün", "", "007")  # leading zeros stay
    assert table.rows["b.png"] == ("NA", "", "7") and len(table.rows) == 2
    assert table.unused == ["age"]


@pytest.mark.parametrize(
    "header, row, words",
    [
        ("name,label", "000.png,a", r"has the columns \['name', 'label'\].*'file' is missing"),
        ("file,class", "000.png,a", "it needs 'label' or 'group' as well"),
        ("file,group,split", "000.png,a,test", "'split' without 'label'"),
        ("file,label,label", "000.png,a,b", "'label' is there twice"),
        ("file,label", "000.jpg,a", r"line 2: there is no file '000.jpg'.*There is '000.png'"),
        ("file,label", "001.png,a", r"no file '001.png'.*There is 'scans/001.png'"),
        ("file,label", ".hidden.png,a", "because of its name. Rename"),
        ("file,label", "../000.png,a", "'../000.png' lies outside the folder"),
        ("file,label", "C:\\x\\000.png,a", "lies outside the folder"),
        ("file,label", ",a", "line 2, names no file"),
        ("file,label", "000.png,a,b", "has 3 values, but the first line has 2 columns"),
        ("file,label,split", "000.png,a,val", "unknown split 'val'; .* Write validation."),
        ("file,label,split", "000.png,a,fold1", "unknown split 'fold1'"),
        ("file,label", "000.png,a\n./000.png,b", "names '000.png' twice, in lines 2 and 3"),
        ("file,label", "000.png,a", r"labels \['a'\] for train; expected at least two"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, header, row, words):
    root = make_plain(tmp_path / "f", 2)
    save(root / ".hidden.png", noise(50))
    with pytest.raises(ValueError, match=words):
        list_images(write(root, [row], header))


def test_a_table_alone_is_no_folder_of_images(tmp_path):
    with pytest.raises(ValueError, match="holds labels.csv but no image"):
        list_images(write(tmp_path / "f", []))


def test_other_encodings_are_refused_with_what_to_choose(tmp_path):
    root = write(make_plain(tmp_path / "f", 2), ["000.png,Grün"], encoding="latin-1")
    with pytest.raises(ValueError, match="not UTF-8 text.*Save it as 'CSV UTF-8'"):
        list_images(root)


def test_a_class_that_train_lacks_is_named(tmp_path):
    root = make_plain(tmp_path / "f", 4)
    rows = ["000.png,a,train", "scans/001.png,b,train", "002.png,c,test"]
    with pytest.raises(ValueError, match=r"\['c'\] of labels.csv occur in test but not in train"):
        list_images(write(root, rows, "file,label,split"))


def test_a_folder_called_test_does_not_count_and_is_not_silently_mixed(tmp_path):
    root = make_folder(tmp_path / "f")
    rows = [f"{path.relative_to(root)},{path.parent.name}" for path in root.rglob("*/*/*.png")]
    with pytest.raises(ValueError, match=r"no split, and lies in a folder test/"):
        list_images(write(root, rows))
    rows = [f"{row},{row.split('/')[0]}" for row in rows]
    data = load(write(root, rows, "file,label,split"), tmp_path)[1]
    assert data["sizes"] == {"unlabeled": 6, "train": 18, "validation": 2, "test": 6}


def test_a_file_that_the_table_names_is_no_mask(tmp_path):
    root = tmp_path / "f"
    for index in range(4):
        save(root / f"{index}.png", noise(index))
        save(root / f"{index}_mask.png", noise(10 + index))
    write(root, ["0.png,a", "1.png,b", "0_mask.png,a"])
    files = list_images(root)
    assert "0_mask.png" in files.names and "1_mask.png" not in files.names


def test_an_empty_column_of_labels_serves_pretraining(tmp_path):
    root = write(make_plain(tmp_path / "f", 6), ["000.png,,5"], "file,label,group")
    assert is_unlabeled(root)
    dataset = load_dataset(root, image_size=8, cache_dir=tmp_path / "cache")
    assert not dataset.is_labeled and len(dataset.unlabeled) == 6
    assert len(np.unique(dataset.groups["unlabeled"])) == 6
