"""Cases of folders: their files, the names of these, and changes to them.

A check takes an empty folder, makes a dataset in it, loads it as a notebook does, and returns an
`Outcome`.
"""

import re

import case_inputs as inputs
import numpy as np
from case_helpers import Case, Outcome, attempt, find_note, has_number, load, wrong_labels
from PIL import Image


def counted_debris(add, count, pattern, **sizes):
    """Makes a case of files that belong to other programs: not read, and counted."""

    def check(folder):
        root = inputs.write_folder(folder / "pictures", **sizes)
        pictures = len(inputs.pictures(root))
        add(root)
        dataset, said = attempt(root)
        if dataset is None:
            return Outcome(said, {"read": False})
        total = len(dataset.unlabeled) + len(dataset.validation[1]) + len(dataset.test[1])
        note = find_note(dataset, pattern)
        numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", note)]
        return Outcome(
            f"{total} images; {note or 'no note'}",
            {
                f"{pictures} images": total == pictures,
                f"{count} counted": count in (*numbers, sum(numbers)),
            },
        )

    return check


def texts(folder):
    root = inputs.write_folder(folder / "pictures")
    inputs.add_texts(root)
    dataset, said = attempt(root)
    listed = (
        [] if dataset is None else [n for n, _ in dataset.refused if n[-4:] in (".txt", ".csv")]
    )
    return Outcome(
        said if dataset is None else f"{len(listed)} files listed; {dataset.notes[-1]}",
        {"24 texts do not stop it": dataset is not None, "listed": len(listed) == 24},
    )


def few_masks(folder):
    """Checks that a note says what becomes of masks if few pictures have one."""
    root = inputs.write_folder(folder / "pictures")
    inputs.add_masks(root, inputs.pictures(root / "train" / inputs.CLASSES[0])[:5])
    dataset, said = attempt(root)
    if dataset is None:
        return Outcome(said, {"read": False})
    note = find_note(dataset, "mask", 5)
    return Outcome(note or "5 masks are read as pictures, no note", {"5 counted": note != ""})


def few_broken(folder):
    root = inputs.write_folder(folder / "small", train=12, test=4, unlabeled=8)
    for path in inputs.pictures(root / "train")[:5]:
        path.write_bytes(path.read_bytes()[:60])
    dataset, said = attempt(root)
    listed = 0 if dataset is None else len(dataset.refused)
    return Outcome(said, {"goes on": dataset is not None, "5 listed": listed == 5})


def two_labels(folder):
    root = inputs.write_folder(folder / "f", classes=("lily", "rose", "tulip"), test=20)
    inputs.share_pictures(root)
    shared = {Image.open(path).tobytes() for path in root.rglob("again_*")}
    dataset, said = attempt(root)
    tested = [np.asarray(image).tobytes() for image in dataset.test[0]]
    note = find_note(dataset, "two|several|both|more than one|label")
    return Outcome(
        note or "no note",
        {
            "not in test": not shared & set(tested) and len(set(tested)) == len(tested),
            "counted": any(has_number(note, count) for count in (5, 10, 12, 17, 24, 34)),
            "listed": "again_" in f"{said} {dataset.conflicts}",
        },
    )


def named_classes(*names):
    """Makes a case of class names: all are kept, and every label is right."""

    def check(folder):
        root = inputs.write_folder(folder / "named", classes=names)
        dataset, said = attempt(root)
        if dataset is None:
            return Outcome(said, {"read": False})
        wrong, kept = wrong_labels(dataset, root), set(dataset.class_names)
        return Outcome(
            f"classes {', '.join(dataset.class_names)}; {wrong} wrong labels",
            {"all kept": kept == set(names) and len(dataset.class_names) == len(names),
             "labels right": wrong == 0},
        )  # fmt: skip

    return check


def near_names(folder):
    """Checks that a folder whose name is nearly that of a split stops the run."""
    silent, last = [], ""
    for number, (name, near) in enumerate(
        (("test", "Test"), ("unlabeled", "unlabelled"), ("test", "val"), ("train", "Train"))
    ):
        root = inputs.write_folder(folder / str(number), unlabeled=6)
        (root / name).rename(root / near)
        dataset, said = attempt(root)
        if dataset is not None or near not in said or name.lower() not in said:
            silent.append(near)
        last = said if number == 0 else last
    return Outcome(last, {f"stops at {near}": near not in silent for near in
                          ("Test", "unlabelled", "val", "Train")})  # fmt: skip


def own_validation(folder):
    root = inputs.write_folder(folder / "own")
    (root / "validation").mkdir()
    for name in inputs.CLASSES:
        (root / "test" / name).rename(root / "validation" / name)
    mine = {Image.open(path).tobytes() for path in inputs.pictures(root / "validation")}
    inputs.write_folder(root, train=0, unlabeled=0, test=12, size=(32, 33))
    dataset, said = attempt(root)
    if dataset is None:
        return Outcome(said, {"read": False})
    used = {np.asarray(image).tobytes() for image in dataset.validation[0]}
    return Outcome(
        f"{len(used)} validation images, {len(mine)} in validation/", {"it is used": used == mine}
    )


def same_stamps(folder):
    root = folder / "set"
    inputs.unpack(root, invert=False)
    before = load(root)
    old = before.test[0][0].copy()
    inputs.unpack(root, invert=True)
    after = load(root)
    new = after.test[0][0]
    return Outcome(
        f"fingerprint {before.fingerprint}, then {after.fingerprint}",
        {"noticed": np.array_equal(new, 255 - old), "said by the fingerprint":
         before.fingerprint != after.fingerprint},
    )  # fmt: skip


MASKS = len(inputs.CLASSES) * (inputs.TRAIN + inputs.TEST)
CASES = [
    Case("08", "thumbnails of a network drive in `@eaDir`",
         counted_debris(inputs.add_thumbnails, 120, "@eaDir", test=0, unlabeled=0)),
    Case("08b", "`__MACOSX`, `.ipynb_checkpoints`, hidden copies",
         counted_debris(inputs.add_debris, 20, "MACOSX|ipynb|hidden|ignored")),
    Case("08c", "a mask beside each labeled picture",
         counted_debris(inputs.add_masks, MASKS, "mask")),
    Case("08g", "masks beside 5 of 30 pictures", few_masks),
    Case("08d", "texts and tables beside pictures", texts),
    Case("08e", "five broken files in a small folder", few_broken),
    Case("10", "one picture in two class folders", two_labels),
    Case("12", "classes `1` to `12`", named_classes(*map(str, range(1, 13)))),
    Case("13", "`Test/`, `unlabelled/`, `val/`", near_names),
    Case("13b", "a user's own `validation/`", own_validation),
    Case("20b", "class `.net`", named_classes(".net", "java", "python")),
    Case("20c", "classes `_background`, `$1-$5`, `Ba$$in`, CJK, `<b>`",
         named_classes("$1-$5", "<b>x<b>", "Ba$$in", "_background", "猫")),
    Case("31", "unpacked anew: same names, sizes and times", same_stamps),
]  # fmt: skip
