"""Several findings an image: each way to state them, and what is made of one of them."""

import numpy as np
import pytest
from image_folders import make_folder, noise, save

from simclr_utils.data import findings, load_dataset
from simclr_utils.data.findings import combine, split_label, strata, values_of
from simclr_utils.data.listing import list_images
from simclr_utils.data.one_finding import choose_finding, findings_of

COUNT = 40
# What 40 images show. "Mass" is rare.
SHOWN = [
    {
        name
        for name, here in (
            ("Edema", i % 2 == 0),
            ("Effusion", i % 4 == 0 or i % 10 == 7),
            ("Mass", i in (4, 12, 20, 24, 36)),
        )
        if here
    }
    for i in range(COUNT)
]
NAMES = ("Edema", "Effusion", "Mass")


def write(root, header, rows, count=COUNT, place="{}.png"):
    for index in range(count):
        save(root / place.format(index), noise(index))
    (root / "labels.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return root


def in_one_column(root):
    rows = [f"{i}.png,{'|'.join(sorted(shown)) or 'No Finding'}" for i, shown in enumerate(SHOWN)]
    return write(root, "file,label", rows)


def in_columns(root, patients=False):
    rows = [
        f"{i}.png," + ",".join(str(int(name in shown)) for name in NAMES) + f",{50 + i},p{i // 2}"
        for i, shown in enumerate(SHOWN)
    ]
    last = "group" if patients else "record"
    return write(root, f"file,{','.join(NAMES)},Age,{last}", rows)


def open_folder(root, **options):
    return load_dataset(root, image_size=8, cache_dir=root.parent / "cache", **options)


def values_by_picture(dataset, values=None):
    """Returns what is known of each picture of `noise`, by its number."""
    numbers = {noise(i).tobytes(): i for i in range(COUNT)}
    return {
        numbers[image.tobytes()]: int(label if values is None else values[label])
        for split in ("train", "validation", "test")
        for image, label in zip(*getattr(dataset, split), strict=True)
    }


@pytest.mark.parametrize("make", [in_one_column, in_columns])
def test_each_form_of_the_table_gives_back_every_finding(make, tmp_path, monkeypatch):
    root = make(tmp_path / "xrays")
    everything = open_folder(root, finding="*")
    monkeypatch.setattr("simclr_utils.data.folder.decode_files", None)  # decoded once for all
    splits = []
    for name in NAMES:
        truth = {i: int(name in shown) for i, shown in enumerate(SHOWN)}
        assert values_by_picture(everything, findings_of(everything)[name]) == truth
        one = open_folder(root, finding=name.upper())
        assert one.class_names == (f"no {name}", name)
        assert values_by_picture(one) == truth
        assert any(f"of 40 labeled images have the finding '{name}'" in note for note in one.notes)
        splits.append([len(one.train[1]), *one.test[0].ravel()])
        assert one.fingerprint != everything.fingerprint and not one.findings
        assert set(one.test[1]) == {0, 1}  # the rare one too
    assert splits[0] == splits[1] == splits[2]  # the same images, whatever the finding


def test_without_a_choice_the_findings_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr("simclr_utils.data.folder.decode_files", None)  # before images are decoded
    root = in_one_column(tmp_path / "xrays")
    listed = r"Edema \(20\), Effusion \(14\), Mass \(5\), No Finding \(16\)"
    with pytest.raises(ValueError, match=f"several findings each.*--set finding=Edema.*{listed}"):
        open_folder(root)
    with pytest.raises(ValueError, match=f"xrays has no finding 'Nodule'; .*{listed}"):
        open_folder(root, finding="Nodule")
    root = in_columns(tmp_path / "columns")
    with pytest.raises(ValueError, match="'Age' of labels.csv states no finding: expected 1"):
        open_folder(root, finding="Age")


def test_what_is_unknown_is_not_absent(tmp_path):
    # CheXpert's way: 1.0, 0.0, -1.0 for uncertain, and nothing.
    cells = ["1.0", "0.0", "-1.0", ""]
    rows = [f"{i}.png,{cells[i % 4]},{float(i % 8 < 4)}" for i in range(COUNT)]
    root = write(tmp_path / "xrays", "file,Edema,No Finding", rows)
    one = open_folder(root, finding="Edema")
    assert values_by_picture(one) == {i: int(i % 4 == 0) for i in range(COUNT) if i % 4 < 2}
    assert any("Of 20 more images the finding is unknown" in note for note in one.notes)
    other = open_folder(root, finding="No Finding")
    assert other.class_names == ("any finding", "No Finding")
    np.testing.assert_array_equal(one.unlabeled, other.unlabeled)  # they stay in the pool
    train = set(one.files) & set(one.labeled_files)
    assert train == {f"{i}.png" for i in values_by_picture(one)} & set(one.files)
    assert len(one.labeled[1]) == len(one.train[1]) + len(one.validation[1])


def test_groups_follow_their_images(tmp_path):
    one = open_folder(in_columns(tmp_path / "xrays", patients=True), finding="Effusion")
    for split in ("train", "validation", "test", "labeled"):
        assert len(one.groups[split]) == len(getattr(one, split)[1])
    assert not set(one.groups["train"]) & set(one.groups["test"])


def test_a_column_of_1_and_0_beside_class_folders_is_a_finding_only_if_asked_for(tmp_path):
    root = make_folder(tmp_path / "pets", test=0)
    names = [path.relative_to(root).as_posix() for path in root.rglob("*/*/*.png")]
    rows = [f"{name},{i},{i % 2}" for i, name in enumerate(names)]
    (root / "labels.csv").write_text("\n".join(["file,group,male", *rows]))
    plain = list_images(root)
    assert plain.class_names == ["cat", "dog"] and not plain.findings
    assert any("['male']" in note for note in plain.notes)
    assert list_images(root, "dog").class_names == ["cat", "dog"]
    assert list(list_images(root, "Male").findings) == ["male"]


def test_a_class_is_told_from_the_rest():
    limits = {"unlabeled": 0, "train": 60, "validation": 30, "test": 30}
    every = load_dataset("shapes", 16, limits=limits)
    one = load_dataset("shapes", 16, limits=limits, finding=every.class_names[3])
    np.testing.assert_array_equal(one.train[1], every.train[1] == 3)
    np.testing.assert_array_equal(one.test[0], every.test[0])
    assert list(findings_of(every)) == list(every.class_names)
    assert choose_finding(every, None) is every is choose_finding(every, "*")
    with pytest.raises(ValueError, match="shapes has no finding 'cat'; it has"):
        choose_finding(every, "cat")


@pytest.mark.parametrize(
    "header, rows, words",
    [
        ("file,label", ["0.png,a|b", "1.png,a||b"], r"line 3: the label 'a\|\|b' has a finding wi"),
        ("file,label", ["0.png,No Finding|b"], "line 2: the label .* 'No Finding' beside a find"),
        ("file,a", ["0.png,yes", "1.png,1"], "it needs 'label' or 'group' .* findings that hold 1"),
    ],
)
def test_mistakes_in_a_table_are_named(tmp_path, header, rows, words):
    with pytest.raises(ValueError, match=words):
        list_images(write(tmp_path / "f", header, rows, count=2))


def test_a_finding_without_a_known_absence_is_refused(tmp_path):
    rows = [f"{i}.png,{'1' if i % 2 else ''},{i % 2}" for i in range(20)]
    root = write(tmp_path / "f", "file,only,other", rows, count=20)
    with pytest.raises(ValueError, match="train has no image without 'only'.* write 0"):
        open_folder(root, finding="only")


def test_images_are_stratified_by_their_rarest_finding():
    values = [[1, 0], [1, 0], [1, 1], [0, 0], [0, -1], [-1, -1]]
    labels, names, table = combine(values, ["often", "rare"])
    assert [names[label] for label in labels[:5]] == [
        *("often", "often", "often|rare", "none", "rare?")
    ]
    assert labels[5] == -1
    thrice = np.repeat(labels, 3)
    assert strata(thrice, table)[::3].tolist() == [0, 0, 1, 2, 2, -1]
    # The images with both are of one patient, so no split could have them beside train.
    patients = np.where(thrice == labels[2], 0, np.arange(18))
    assert strata(thrice, table, patients)[::3].tolist() == [0, 0, 0, 2, 2, -1]
    assert strata([0, 1], {}).tolist() == [0, 1]
    assert findings.SEPARATOR.join(split_label("b | a")) == "b|a" and split_label("") == []
    given, found = values_of([["b"], [], ["a", "b"]])
    assert found == ["a", "b"] and given.tolist() == [[0, 1], [-1, -1], [1, 1]]


def write_arrays(path, num_findings=14, **changes):
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 60), ("val", 30), ("test", 30)):
        arrays[f"{part}_images"] = random.integers(0, 256, (count, 28, 28), np.uint8)
        labels = random.integers(0, 2, (count, num_findings), np.uint8)
        arrays[f"{part}_labels"] = labels
    np.savez(path, **arrays | changes)
    return arrays | changes


def test_findings_of_medmnist(tmp_path):
    arrays = write_arrays(tmp_path / "chestmnist.npz")
    source = str(tmp_path / "chestmnist.npz")
    with pytest.raises(ValueError, match=r"chestmnist have several.*atelectasis \(\d+\), .*hernia"):
        load_dataset(source)
    one = load_dataset(source, finding="hernia")
    np.testing.assert_array_equal(one.test[1], arrays["test_labels"][:, 13])
    np.testing.assert_array_equal(one.train[0][..., 0], arrays["train_images"])
    assert one.own_validation and len(one.labeled[1]) == 60
    write_arrays(tmp_path / "mine.npz", 3)  # without known names
    every = load_dataset(str(tmp_path / "mine.npz"), finding="*")
    assert list(every.findings) == ["0", "1", "2"]
    # One column of it has classes that are not called after findings.
    column = {
        f"{part}_labels": arrays[f"{part}_labels"][:, :1] for part in ("train", "val", "test")
    }
    write_arrays(tmp_path / "chestmnist.npz", **column)
    assert load_dataset(source).class_names == ("0", "1")


@pytest.mark.parametrize(
    "labels, words",
    [
        (np.full((60, 14), 2, np.uint8), "values up to 2; expected 0"),
        (
            np.zeros((60, 3), np.uint8),
            r"different numbers of labels for each image: \[\(3,\), \(14",
        ),
        (np.zeros((60, 14), np.float32), "expected one integer for each image"),
    ],
)
def test_other_labels_of_medmnist_are_refused(labels, words, tmp_path):
    write_arrays(tmp_path / "mine.npz", train_labels=labels)
    with pytest.raises(ValueError, match=words):
        load_dataset(str(tmp_path / "mine.npz"), finding="*")
