"""Cases of settings, papermill and a user's own code, run as a user runs them.

A check takes an empty folder, works in it with its own home folder, and returns an `Outcome`. It
judges exit codes, files and numbers, and whether messages name the problem and its cure.
"""

import json
import re
import sys
from html import unescape

import numpy as np
from case_helpers import Case, Outcome
from case_terminal import FOREIGN, ROOT, Terminal, outputs

TEMPERATURES = ("1e-30", "1e-4", "100")
# A user's script that loads an encoder file and nothing of the course.
SCRIPT = """
import sys
import keras, numpy as np
encoder = keras.saving.load_model(sys.argv[1])
assert "simclr_utils" not in sys.modules
shape = encoder.input_shape[1:]
bytes_ = np.random.default_rng(0).integers(0, 256, (4, *shape), dtype=np.uint8)
forms = {"bytes": bytes_, "0 to 255": bytes_.astype("float32"), "0 to 1": bytes_ / np.float32(255)}
for name, images in forms.items():
    try:
        features = np.asarray(encoder.predict(images, verbose=0), dtype=np.float64)
        print(name, *np.round(features / np.linalg.norm(features), 6).ravel()[:64], sep="|")
    except Exception as error:
        print(name, "refused", " ".join(str(error).split())[:200], sep="|")
"""


def temperature(value):
    """Makes a case of an extreme temperature: notebook, terminal and page say the same."""

    def check(folder):
        terminal = Terminal(folder)
        settings = ("--set", f"temperature={value}", "--set", "pretraining_steps=120")
        ran = terminal.course("--notebooks", "03", "--out", "mine", *settings)
        notebook = terminal.work / "mine/notebooks/03_contrastive_pretraining.ipynb"
        if not notebook.exists():
            named = "temperature" in ran.last and re.search(r"\d", ran.last) is not None
            return Outcome(f"exit code {ran.code}: {ran.last}", {"refused by name": named})
        shown = outputs(notebook)
        found = re.search(r"([a-z][a-z -]+): [^\n]*Likely cause: [^\n]*", shown)
        said = found[0] if found else "the doctor says nothing"
        index = terminal.work / "mine/index.html"
        page = unescape(index.read_text(encoding="utf-8")) if index.exists() else ""
        return Outcome(
            f"exit code {ran.code}: {said}",
            {
                "the doctor speaks in the notebook": found is not None,
                "names the temperature": "temperature" in said,
                "the terminal says it": found is not None and said in ran.text,
                "the page says it, or none is made": found is not None and page_says(page, said),
                "nothing says the contrary": not re.search("ok: below|train longer", shown),
            },
        )

    return check


def page_says(page, said):
    return said in " ".join(page.split()) if page else True


def papermill_home(folder):
    """Checks that `~` in a parameter is expanded, outside the folder of the notebooks."""
    terminal = Terminal(folder)
    first = terminal.papermill("03_contrastive_pretraining.ipynb", "-p", "run_dir", "~/runs/mine")
    second = terminal.papermill("04_linear_probe.ipynb", "-p", "run_dir", "~/runs/mine")
    wild = list(terminal.work.rglob("~*"))
    encoder = terminal.home / "runs/mine/encoders/0/encoder.keras"
    failed = [ran.last for ran in (first, second) if ran.code]
    last = f": {failed[0]}" if failed else ""
    return Outcome(
        f"exit codes {first.code} and {second.code}{last}; {left_in(folder)}",
        {"expanded": encoder.exists(), "no folder called ~": not wild,
         "found by the next notebook": (first.code, second.code) == (0, 0)},
    )  # fmt: skip


def papermill_elsewhere(folder):
    """Checks that a notebook finds the encoder of the course from a user's folder."""
    terminal = Terminal(folder)
    ran = terminal.papermill("04_linear_probe.ipynb")
    outside = sorted(path.name for path in folder.iterdir())
    last = "the encoder is found" if ran.code == 0 else ran.last
    return Outcome(
        f"exit code {ran.code}: {last}; {left_in(folder)}",
        {"found": ran.code == 0, "nothing beside the working folder": outside == ["home", "work"]},
    )


def papermill_relative(folder):
    """Checks that a relative `run_dir` lies in the user's working folder."""
    terminal = Terminal(folder)
    ran = terminal.papermill("03_contrastive_pretraining.ipynb", "-p", "run_dir", "mine")
    encoder = terminal.work / "mine/encoders/0/encoder.keras"
    last = "" if ran.code == 0 else f": {ran.last}"
    return Outcome(
        f"exit code {ran.code}{last}; {left_in(folder)}",
        {"it lies there": encoder.exists(), "runs to its end": ran.code == 0},
    )


def left_in(folder):
    """Returns a phrase on the folders that a run left, two levels deep."""
    found = [path for path in folder.glob("*/*") if path.is_dir() and path.name[0] != "."]
    return "left " + (", ".join(sorted(str(p.relative_to(folder)) for p in found)) or "nothing")


def own_keras(**settings):
    """Makes a case of a user's keras.json: the same result, or an error that names the file."""

    def check(folder):
        terminal, curves = Terminal(folder), []
        for name, own in (("plain", {}), ("own", settings)):
            terminal.set_keras(**own)
            ran = terminal.course("--notebooks", "03", "--out", name)
            curve = terminal.work / name / "encoders/0/pretraining.csv"
            curves.append(curve.read_bytes() if curve.exists() else None)
        same = curves[0] == curves[1] is not None
        if ran.code == 0:
            notebook = terminal.work / "own/notebooks/03_contrastive_pretraining.ipynb"
            said = re.search(r"[^\n]*keras\.json[^\n]*", ran.text + outputs(notebook))
            return Outcome(
                f"exit code 0, the {'same' if same else 'curves of another'} network; "
                f"{said[0].strip() if said else 'no word'}",
                {"the same curves": same, "said": said is not None},
            )
        return Outcome(
            f"exit code {ran.code}: {ran.last}",
            {"names keras.json": "keras.json" in ran.text, "no traceback":
             FOREIGN.search(ran.text) is None},
        )  # fmt: skip

    return check


def own_script(folder):
    terminal = Terminal(folder)
    (terminal.work / "script.py").write_text(SCRIPT)
    encoder = ROOT / "data/pretrained/encoder.keras"
    ran = terminal.run(sys.executable, "script.py", encoder, PYTHONPATH="")
    rows = dict(line.split("|", 1) for line in ran.text.splitlines() if "|" in line)
    read = {n: np.array(v.split("|"), float) for n, v in rows.items() if "refused" not in v}
    alike = [float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))
             for a in read.values() for b in read.values()]  # fmt: skip
    described = json.loads(encoder.with_suffix(".json").read_text(encoding="utf-8"))
    refused = [f"{name} refused" for name in rows if name not in read]
    return Outcome(
        f"{', '.join([*read, *refused]) or ran.last}; smallest cosine of features "
        f"{min(alike, default=0):.3f}",
        {"loads": ran.code == 0 and len(rows) == 3, "bytes are read": "bytes" in read,
         "one meaning of what is read": min(alike, default=0) > 0.999,
         "encoder.json says the range": re.search(r"255", json.dumps(described)) is not None,
         "and the classes": "class" in json.dumps(described)},
    )  # fmt: skip


CASES = [
    *(Case(f"22{letter}", f"`--set temperature={value}`", temperature(value))
      for letter, value in zip(("", "b", "c"), TEMPERATURES, strict=True)),
    Case("23", "papermill with `-p run_dir '~/runs/mine'`", papermill_home),
    Case("23b", "papermill from another directory", papermill_elsewhere),
    Case("23c", "papermill with a relative `run_dir`", papermill_relative),
    Case("24", "keras.json with channels_first", own_keras(image_data_format="channels_first")),
    Case("24b", "keras.json with backend torch", own_keras(backend="torch")),
    Case("24c", "keras.json with float16", own_keras(floatx="float16")),
    Case("26", "encoder in a user's script, 0 to 255", own_script),
]  # fmt: skip
