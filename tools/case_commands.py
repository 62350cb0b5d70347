"""Cases of folders that are given to the command line, run as a user runs them.

A check takes an empty folder, works in it with its own home folder, and returns an `Outcome`. It
judges exit codes, files and numbers, and whether messages name the problem and its cure.
"""

import json
import re
import shlex

import case_inputs as inputs
import numpy as np
from case_helpers import Case, Outcome
from case_terminal import FOREIGN, Terminal, outputs

NAMES = ("$1-$5", r"$\alpha_x$", "Ba$$in", "_background", "<b>", "кот", "猫")
LONG = 40  # lines; users do not read longer messages to the end


def many_bands(folder):
    def encode(pixels):
        return inputs.tiff(np.repeat(pixels.astype(np.uint16) * 12, 13, axis=-1)[..., :13])

    terminal = Terminal(folder)
    root = inputs.write_folder(folder / "tiles", encode, "tif")
    ran = terminal.course("--notebooks", "03", "--source", root)
    found = re.search(r"[^\n]*\b13\b[^\n]*", ran.text)
    if ran.code == 0:
        return Outcome(found[0] if found else ran.last, {"the bands are counted": bool(found)})
    return Outcome(
        f"exit code {ran.code}: {ran.last}",
        {
            "names the format and its bands": found is not None and ".tif" in ran.text,
            f"in {LONG} lines": len(ran.text.splitlines()) <= LONG,
            "a reason, not the paths of three files": "None of the files" not in ran.text,
        },
    )


def cures(text):
    """Returns the settings that a message offers, as arguments of the command line."""
    quoted = r""""[^"]+"|'[^']+'"""
    found = re.findall(rf"--set ({quoted}|\w+=(?:{quoted}|[^\s;)]+))", text)
    settings = dict.fromkeys(shlex.split(setting)[0].rstrip(".,") for setting in found)
    return [part for setting in settings for part in ("--set", setting)]


def add_validation(root, text, **options):
    """Adds the folder validation/ if a message asks for it; returns whether it did."""
    if "validation/ of your own" not in text or (root / "validation").exists():
        return False
    inputs.write_folder(root / "more", train=1, **options)
    (root / "more/train").rename(root / "validation")
    (root / "more").rmdir()
    return True


def many_classes(count, each, notebook):
    """Makes a case of many classes: it works, or it works with the cures that are offered."""

    def check(folder):
        terminal, root, steps = Terminal(folder), folder / "many", []
        names = [f"{label:04d}" for label in range(count)]
        options = {"classes": names, "size": (16, 16), "channels": 1, "test": 0, "unlabeled": 0}
        inputs.write_folder(root, train=each, **options)
        command = ["--notebooks", notebook, "--source", root]
        for _ in range(4):
            ran = terminal.course(*command)
            steps.append(f"exit code {ran.code}: {ran.last}")
            taken = cures(ran.text) if ran.code else []
            added = ran.code != 0 and add_validation(root, ran.text, **options)
            if not (taken or added):
                break
            command += taken
            steps.append(f"with {shlex.join(taken) or 'validation/'}")
        return Outcome(
            "; ".join(steps),
            {"works, or does with the cures that are offered": ran.code == 0,
             f"fewer than {LONG} lines": len(ran.text.splitlines()) < LONG},
        )  # fmt: skip

    return check


def class_names(folder):
    terminal = Terminal(folder)
    root = inputs.write_folder(folder / "names", classes=NAMES, train=20, test=5)
    ran = terminal.course("--notebooks", "09", "--source", root, "--out", "mine")
    run = terminal.work / "mine"
    pages = [run / "notebooks/09_your_own_images.ipynb", run / "verdict.html"]
    if ran.code:
        return Outcome(f"exit code {ran.code}: {ran.last}", {"runs to its end": False})
    shown = outputs(pages[0])
    missing = [name for name in NAMES if name not in shown]
    warned = re.findall(r"Glyph \d+[^\n]*missing|findfont[^\n]*", ran.text + shown)
    return Outcome(
        f"exit code 0; {len(NAMES) - len(missing)} of {len(NAMES)} names in the notebook; "
        f"{len(warned)} warnings of missing letters",
        {"runs to its end": True, "all are named": not missing, "no warnings": not warned,
         "the page is written": pages[1].exists()},
    )  # fmt: skip


def called_like(name):
    """Makes a case of a user's folder that has the name of a dataset of the course."""

    def check(folder):
        terminal = Terminal(folder)
        root = inputs.write_folder(terminal.work / name, classes=("nut", "bolt"), unlabeled=0)
        ran = terminal.course("--notebooks", "03", "--source", name)
        terminal.course("--notebooks", "03", "--source", f"./{root.name}", "--out", "mine")
        data = terminal.work / "mine/data.json"
        classes = json.loads(data.read_text())["classes"] if data.exists() else []
        return Outcome(
            f"exit code {ran.code}: {ran.last}; with ./{name}: classes {', '.join(classes)}",
            {"refused": ran.code != 0, "names the cure": f"./{name}" in ran.text,
             "which helps": classes == ["bolt", "nut"]},
        )  # fmt: skip

    return check


def western_terminal(folder):
    terminal = Terminal(folder)
    root = inputs.write_folder(folder / "фото", classes=("кот", "пёс"), unlabeled=0)
    ran = terminal.course("--notebooks", "03", "--source", root, PYTHONIOENCODING="cp1252")
    pages = list(terminal.work.glob("runs/*/index.html"))
    return Outcome(
        f"exit code {ran.code}: {ran.last}",
        {"runs to its end": ran.code == 0, "the report is written and named":
         len(pages) == 1 and "index.html" in ran.text},
    )  # fmt: skip


def only_unlabeled(below):
    """Makes a case of pictures without labels, in `unlabeled/` or at the top of a folder."""

    def check(folder):
        terminal = Terminal(folder)
        root = inputs.write_folder(folder / "pictures", train=0, test=0, unlabeled=60)
        root = root if below else root / "unlabeled"
        ran = terminal.course("--notebooks", "09", "--source", root, "--out", "mine")
        encoders = list((terminal.work / "mine").rglob("encoder.keras"))
        shown = "\n".join(outputs(p) for p in terminal.work.glob("mine/notebooks/*.ipynb"))
        text = ran.text + shown
        why = re.search(r"[^\n]*\bverdict\b[^\n]*\b(label|train/)[^\n]*", text, re.IGNORECASE)
        if ran.code and not below:
            return Outcome(ran.last, {"names the cure": "unlabeled/" in ran.text})
        return Outcome(
            f"exit code {ran.code}: {why[0].strip() if ran.code == 0 and why else ran.last}",
            {"an encoder is kept": ran.code == 0 and len(encoders) >= 1,
             "says why there is no verdict": why is not None,
             "signs of life": "effective rank" in shown},
        )  # fmt: skip

    return check


def broken_source(folder):
    """Checks that the cure of an error in the data works with the same run folder."""
    terminal = Terminal(folder)
    root = inputs.write_folder(folder / "pictures")
    for path in inputs.pictures(root / "train")[::3]:
        path.write_bytes(b"")
    command = ("--notebooks", "03", "--source", root, "--out", "mine")
    first = terminal.course(*command)
    taken = cures(first.text)
    second = terminal.course(*command, *taken)
    return Outcome(
        f"exit code {first.code}: {first.last}; with {shlex.join(taken)}: exit code {second.code}",
        {"stops": first.code != 0, "offers a setting": bool(taken),
         "which helps, in the same folder": second.code == 0,
         "no traceback": FOREIGN.search(first.text) is None},
    )  # fmt: skip


CASES = [
    Case("04", "TIFF of 13 bands", many_bands),
    Case("08f", "20 of 100 files are empty", broken_source),
    Case("19", "1,000 classes of 4 pictures, verdict", many_classes(1000, 4, "09")),
    Case("19b", "3,000 classes of 2 pictures, pretraining", many_classes(3000, 2, "03")),
    Case("20", "`Ba$$in`, `_background`, Cyrillic and CJK in figures", class_names),
    Case("25", "own folder called `shapes`", called_like("shapes")),
    Case("28", "Cyrillic path, terminal in cp1252", western_terminal),
    Case("33", "only unlabeled pictures", only_unlabeled(True)),
    Case("33b", "pictures in no folder at all", only_unlabeled(False)),
]  # fmt: skip
