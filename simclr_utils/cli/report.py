"""The readable output of a run: web pages, figures and tables of results."""

import base64
import logging
from pathlib import Path

import nbformat
import pandas as pd
from nbconvert import HTMLExporter

from simclr_utils import files, plotting
from simclr_utils.cli.pages import as_part, as_table, render
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.results import Results, summarize
from simclr_utils.evaluation.tables import accuracy_table
from simclr_utils.methods import in_order
from simclr_utils.study.answers import MADE_FOR_SPEED
from simclr_utils.training.findings import stored_findings


def export_notebook(run_dir: str | Path, name: str) -> None:
    """Writes a notebook as `html/<name>.html`, and its pictures as `figures/<name>-<number>.png`.

    Args:
        run_dir: Path of the run.
        name: String, the file name of a notebook in `run_dir/notebooks`. If it does not exist,
            nothing is written.
    """
    run_dir = Path(run_dir)
    path = run_dir / "notebooks" / name
    if not path.exists():
        return
    notebook = nbformat.read(path, as_version=4)
    exporter = HTMLExporter(require_js_url="")  # a page loads nothing from elsewhere ...
    if not any("$" in cell.source for cell in notebook.cells if cell.cell_type == "markdown"):
        exporter.mathjax_url = ""  # ... but MathJax, if it has a formula
    # The exporter warns of every picture without a description.
    exporter.log.setLevel(logging.ERROR)
    html, _ = exporter.from_notebook_node(notebook)
    files.write_text(run_dir / "html" / f"{path.stem}.html", html)
    for old in (run_dir / "figures").glob(f"{path.stem}-*.png"):
        old.unlink()
    for number, content in enumerate(_pictures(notebook), start=1):
        files.write_bytes(run_dir / "figures" / f"{path.stem}-{number:02d}.png", content)


def _pictures(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                yield base64.b64decode(output["data"]["image/png"])


def results_tables(frame: pd.DataFrame, preset: str) -> dict[str, pd.DataFrame]:
    """Returns the results of a run as tables to print, one for each metric.

    Rows of other presets, and of images that have changed since, are left out. Two repetitions, as
    the presets made for speed have them, support no interval: their tables hold means alone.

    Args:
        frame: DataFrame, as `Results.frame` returns it.
        preset: String, the name of the preset.

    Returns:
        A dict from a title to a DataFrame: methods by numbers of labels. Empty if the run has no
        results.

    Raises:
        ValueError: If `METHODS` lacks a method of the rows.
    """
    frame, tables = newest_rows(frame, preset), {}
    for (dataset, metric), rows in frame.groupby(["dataset", "metric"], sort=False):
        label = METRICS[metric].label if metric in METRICS else metric.replace("_", " ")
        if preset in MADE_FOR_SPEED:
            table = accuracy_table(rows, metric).rename_axis(index=None)
            tables[f"{label} on {dataset}, in %"] = table.map("{:.1f}".format, na_action="ignore")
        else:
            tables[f"{label} on {dataset}, in %"] = _table_with_intervals(rows)
    return {title: table.fillna("") for title, table in tables.items()}


def newest_rows(frame: pd.DataFrame, preset: str) -> pd.DataFrame:
    """Returns the rows of a preset, of the images that were measured last."""
    frame = frame[frame["preset"] == preset]
    return frame if frame.empty else frame[frame["fingerprint"] == frame["fingerprint"].iloc[-1]]


def _table_with_intervals(rows):
    methods = in_order(rows["method"])
    cells = summarize(rows).sort_values("labels", kind="stable")
    scores = cells.rename(columns={"mean": "value"}).to_dict("records")
    cells["cell"] = [percent_cell(score) for score in scores]
    cells["labels"] = [f"{labels:,} labels" for labels in cells["labels"]]
    columns = list(cells["labels"].unique())
    table = cells.pivot(index="method", columns="labels", values="cell")
    return table.loc[methods, columns].rename_axis(index=None, columns=None)


def percent_cell(score: dict) -> str:
    """Returns a score as text in percent, such as "61.2 [59.0, 63.4]".

    Args:
        score: Dict with `value`, and `low` and `high`, which are `None` or NaN if unknown.
    """
    value, low, high = (score[name] for name in ("value", "low", "high"))
    if low is None or low != low:  # NaN: the interval is unknown
        return f"{100 * value:.1f}"
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def draw_results(run_dir: str | Path, record: dict) -> tuple[str, bytes] | None:
    """Draws accuracy by number of labels, and writes it as `figures/accuracy.png`.

    Args:
        run_dir: Path of the run.
        record: Dict, as in `run.json`.

    Returns:
        A pair: what the figure shows, and the bytes of the PNG. `None` if the run has no row of
        accuracy.
    """
    frame = newest_rows(Results(Path(run_dir) / "results.csv").frame("accuracy"), record["preset"])
    if frame.empty:
        return None
    name = f"{frame['dataset'].iloc[0]}, preset {record['preset']}: accuracy by number of labels"
    png = plotting.to_png(plotting.plot_comparison(frame, name))
    files.write_bytes(Path(run_dir) / "figures" / "accuracy.png", png)
    return name, png


def write_report(run_dir: str | Path, record: dict) -> str:
    """Writes `index.html`, a page that needs no other file, and `figures/accuracy.png`.

    Args:
        run_dir: Path of the run.
        record: Dict, as in `run.json`.

    Returns:
        The text to print at the end of the run: the tables, what the run doctor found, and the
        path of the report.

    Raises:
        ValueError: If `METHODS` lacks a method of the rows.
    """
    run_dir = Path(run_dir)
    frame = Results(run_dir / "results.csv").frame()
    tables = results_tables(frame, record["preset"])
    results = [
        (title, table.rename_axis("method").reset_index()) for title, table in tables.items()
    ]
    results[1:1] = filter(None, [draw_results(run_dir, record)])  # below the table of accuracy
    findings, data = stored_findings(run_dir), run_dir / "data.json"
    title = f"{Path(record['source']).name}, preset {record['preset']}"
    page = render(
        "report.html",
        title=title,
        command=record["command"],
        findings=findings,
        results=[(name, as_part(value)) for name, value in results],
        data=files.load_json(data)["summary"] if data.exists() else "",
        notebooks=[
            (stem, f"{entry['seconds'] / 60:.1f} minutes")
            for stem, entry in sorted(record["notebooks"].items())
        ],
        provenance=as_part(as_table({**record["provenance"], "settings": record["settings"]})),
        ticks=[],
    )
    files.write_text(run_dir / "index.html", page)
    lines = [f"\n{title}\n{table.to_string()}" for title, table in tables.items()]
    lines = lines or ["\nNo results: these notebooks score no test images."]
    lines += [f"\n{finding}" for finding in findings]
    lines.append(f"\nReport: {run_dir / 'index.html'}")
    if (run_dir / "verdict.html").exists():
        lines.append(f"Verdict: {run_dir / 'verdict.html'}")
    return "\n".join(lines)
