"""The rules for the stored notebooks: size, plumbing, exercises, imports, outputs and twins."""

import ast
import re

import jupytext
from lesson_table import measure
from navigation import LINE
from nbval_tolerance import allowances

MAXIMUM_BYTES = 800_000
MAXIMUM_CELL_LINES = 25
MAXIMUM_CODE_LINES = 150
MAXIMUM_PLUMBING = 0.15  # of the code lines; lesson_table.py says which lines these are
MAXIMUM_IMPORT_LINES = 8
MINIMUM_WORDS_PER_LINE = 4
# Shares of the code cells.
MAXIMUM_EXEMPT = 1 / 8
MINIMUM_COMPARED = 1 / 3

EXERCISE = re.compile(r"^(?:\*\*|#{3,4} )(\d+)\. ", re.MULTILINE)
CHECK = re.compile(r"\bcheck_\w+\(")
EXEMPTING_TAGS = {"nbval-ignore-output", "nbval-skip", "skip-execution"}
EXEMPTING_COMMENT = re.compile(r"^\s*#\s*(NBVAL_IGNORE_OUTPUT|NBVAL_SKIP)\b", re.MULTILINE)
MACHINE_PATH = re.compile(
    r"(?<![\w./:<-])/(home|Users|root|tmp|var|mnt|opt|work|workspace|content|private)/\w"
    r"|[A-Z]:\\+Users\b"
)
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def find_problems(notebook, twin, size, line):
    """Returns a list of sentences, one for each rule that the notebook breaks.

    Args:
        notebook: A notebook as nbformat reads it.
        twin: String, the text of its MyST twin.
        size: Integer, the bytes of the notebook's file.
        line: String, its navigation line, or `None` if the course does not list it.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [
        *_parameter_problems(code),
        *_style_problems(notebook, code, size),
        *_source_problems(code),
        *_exercise_problems(notebook),
        *_output_problems(notebook, code),
        *_comparison_problems(code),
        *_import_problems(notebook),
        *_navigation_problems(notebook, line),
        *_twin_problems(notebook, twin),
    ]


def _tags(cell):
    return set(cell.metadata.get("tags", []))


def _lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def _parameter_problems(code):
    cells = [cell for cell in code if "parameters" in _tags(cell)]
    if len(cells) != 1:
        yield f"{len(cells)} cells are tagged `parameters`, not one"
        return
    values = {}
    for statement in ast.parse(cells[0].source).body:
        try:
            targets = getattr(statement, "targets", None) or [statement.target]
            values[targets[0].id] = ast.literal_eval(statement.value)
        except (AttributeError, ValueError):
            yield f"`{ast.unparse(statement)}` among the parameters assigns no literal"
    missing = [name for name in ("source", "preset", "seed", "run_dir") if name not in values]
    if missing:
        yield f"the parameters lack {missing}"
    if values.get("preset") != "quick":
        yield f"the default preset is {values.get('preset')!r}, not 'quick'"


def _style_problems(notebook, code, size):
    found = measure(notebook)
    lines, words, plumbing = found["code lines"], found["words"], found["plumbing"]
    if size > MAXIMUM_BYTES:
        yield f"{size} bytes, more than {MAXIMUM_BYTES}"
    if lines > MAXIMUM_CODE_LINES:
        yield f"{lines} lines of code, more than {MAXIMUM_CODE_LINES}"
    if plumbing > MAXIMUM_PLUMBING:
        yield f"{plumbing:.1%} of the code is plumbing, more than {MAXIMUM_PLUMBING:.0%}"
    if words < MINIMUM_WORDS_PER_LINE * lines:
        yield f"{words} words for {lines} lines of code, fewer than {MINIMUM_WORDS_PER_LINE} a line"
    for cell in code:
        if len(_lines(cell)) > MAXIMUM_CELL_LINES:
            yield f"{_name(cell)} has more than {MAXIMUM_CELL_LINES} lines"


def _source_problems(code):
    for cell in code:
        if re.search(r"\binteract(ive|ive_output|_manual)?\(", cell.source):
            yield f"{_name(cell)} calls interact, which can hang a headless run"
        if re.search(r"\bOutput\(", cell.source):
            yield f"{_name(cell)} makes an Output widget, which can hang a headless run"
        # nbval compares nothing after a trailing semicolon; comments may end in one.
        if any(line.partition("#")[0].rstrip().endswith(";") for line in _lines(cell)):
            yield f"{_name(cell)} has a line that ends with a semicolon"
        if MACHINE_PATH.search(cell.source):
            yield f"{_name(cell)} names a path of one machine"


def _exercise_problems(notebook):
    """Yields a sentence for each numbered exercise whose cells call no check."""
    inside, checked = False, {}  # from the number of an exercise to whether it has a check
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if inside and checked and CHECK.search(cell.source):
                checked[list(checked)[-1]] = True
            continue
        for part in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
            if part.startswith("## "):
                inside = part.startswith("## Exercises")
            if inside:
                checked |= dict.fromkeys(EXERCISE.findall(part), False)
    if not checked:
        yield "it has no numbered exercise below the heading `Exercises`"
    yield from (f"exercise {n} calls no check" for n, done in checked.items() if not done)


def _output_problems(notebook, code):
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        yield f"the execution counts are {counts}, not 1 to {len(code)} in order"
    for name in ("widgets", "papermill"):
        if name in notebook.metadata:
            yield f"metadata.{name} is stored"
    for cell in code:
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"{_name(cell)} stores an error"
            if output.get("name") == "stderr":
                yield f"{_name(cell)} stores text on stderr"
            pictures = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
            if set(pictures) - {"image/png"}:
                yield f"{_name(cell)} stores a picture as {pictures}, not as PNG"
            if MACHINE_PATH.search(_text(output)):
                yield f"{_name(cell)} stores a path of one machine"


def _text(output):
    data = output.get("data", {})
    kinds = [kind for kind in data if kind.startswith("text/")]
    return "\n".join([output.get("text", ""), *(str(data[kind]) for kind in kinds)])


def _comparison_problems(code):
    for cell in code:
        try:
            allowances(_tags(cell))
        except ValueError as error:
            yield f"{_name(cell)}: {error}"
    exempt = [
        cell
        for cell in code
        if _tags(cell) & EXEMPTING_TAGS or EXEMPTING_COMMENT.search(cell.source)
    ]
    compared = [cell for cell in code if cell not in exempt and any(map(_compares, cell.outputs))]
    if len(exempt) > MAXIMUM_EXEMPT * len(code):
        yield f"{len(exempt)} of {len(code)} code cells are not compared, more than an eighth"
    if len(compared) < MINIMUM_COMPARED * len(code):
        yield f"only {len(compared)} of {len(code)} code cells have an output that is compared"


def _compares(output):
    data = output.get("data", {})
    # The text beside a picture or a widget says next to nothing.
    return bool(_text(output).strip()) and "image/png" not in data and WIDGET_VIEW not in data


def _import_problems(notebook):
    lines = measure(notebook)["import lines"]
    if lines > MAXIMUM_IMPORT_LINES:
        yield f"{lines} lines of imports, more than {MAXIMUM_IMPORT_LINES}"


def _navigation_problems(notebook, line):
    if line is None:
        yield "it is not part of the course: it has no twin in text/"
        return
    text = next(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if LINE.findall(text) != [line]:
        yield "its navigation line is out of date: run `make refresh`"


def _twin_problems(notebook, twin):
    if content(notebook) != content(jupytext.reads(twin, fmt="md:myst")):
        yield "its twin in text/ differs: run `make refresh`"


def content(notebook):
    """Returns the kind, text and tags of each cell, which a notebook and its twin share."""
    return [(cell.cell_type, cell.source.strip(), sorted(_tags(cell))) for cell in notebook.cells]


def _name(cell):
    return f"cell {cell.get('id')}"
