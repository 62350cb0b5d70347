"""The readable output of a run: web pages, figures and tables of results."""

import base64
import logging
from html import escape
from pathlib import Path

import nbformat
import pandas as pd
from nbconvert import HTMLExporter

from simclr_utils import files, plotting
from simclr_utils.cli.pages import build_page, build_picture, build_table, flatten
from simclr_utils.evaluation.metrics import METRICS
from simclr_utils.evaluation.results import Results, summarize
from simclr_utils.evaluation.tables import accuracy_table
from simclr_utils.methods import in_order
from simclr_utils.study.answers import MADE_FOR_SPEED
from simclr_utils.training.findings import stored_findings

BODY = """<p><code>{command}</code></p>
{findings}
{results}
<h2>Data</h2>
<pre>{data}</pre>
<h2>Notebooks</h2>
{notebooks}
<h2>Provenance</h2>
{provenance}"""


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
    the presets made for speed have them, support no interval: their tables hold means in percent.

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
            tables[f"{label} on {dataset}"] = _table_with_intervals(rows)
    return {title: table.fillna("") for title, table in tables.items()}


def newest_rows(frame: pd.DataFrame, preset: str) -> pd.DataFrame:
    """Returns the rows of a preset, of the images that were measured last."""
    frame = frame[frame["preset"] == preset]
    return frame if frame.empty else frame[frame["fingerprint"] == frame["fingerprint"].iloc[-1]]


def _table_with_intervals(rows):
    methods = in_order(rows["method"])
    cells = summarize(rows).sort_values("labels", kind="stable")
    cells["cell"] = [_cell(row) for row in cells.itertuples()]
    cells["labels"] = [f"{labels} labels" for labels in cells["labels"]]
    columns = list(cells["labels"].unique())
    table = cells.pivot(index="method", columns="labels", values="cell")
    return table.loc[methods, columns].rename_axis(index=None, columns=None)


def _cell(row):
    if row.low != row.low:  # NaN: the interval is unknown
        return f"{row.mean:.3f}"
    return f"{row.mean:.3f} [{row.low:.3f}, {row.high:.3f}]"


def draw_results(run_dir: str | Path, record: dict) -> str:
    """Draws accuracy by number of labels, and writes it as `figures/accuracy.png`.

    Args:
        run_dir: Path of the run.
        record: Dict, as in `run.json`.

    Returns:
        The figure as an element in HTML. Empty if the run has no row of accuracy.
    """
    frame = newest_rows(Results(Path(run_dir) / "results.csv").frame("accuracy"), record["preset"])
    if frame.empty:
        return ""
    name = f"{frame['dataset'].iloc[0]}, preset {record['preset']}: accuracy by number of labels"
    png = plotting.to_png(plotting.plot_comparison(frame, name))
    files.write_bytes(Path(run_dir) / "figures" / "accuracy.png", png)
    return build_picture(png, f"{name}. The numbers are in the table.")


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
    results = [f"<h2>{escape(title)}</h2>{table.to_html()}" for title, table in tables.items()]
    results[1:1] = [draw_results(run_dir, record)]  # below the first table, that of accuracy
    links = [
        (f'<a href="html/{stem}.html">{stem}</a>', f"{entry['seconds'] / 60:.1f} minutes")
        for stem, entry in sorted(record["notebooks"].items())
    ]
    findings = stored_findings(run_dir)
    data = run_dir / "data.json"
    made = {**record["provenance"], "settings": record["settings"]}
    body = BODY.format(
        data=escape(files.load_json(data)["summary"]) if data.exists() else "",
        command=escape(record["command"]),
        findings="".join(f'<p class="verdict">{escape(finding)}</p>' for finding in findings),
        results="\n".join(filter(None, results)) or "<p>These notebooks score no test images.</p>",
        notebooks=build_table(links),
        provenance=build_table(flatten(made)),
    )
    title = f"{Path(record['source']).name}, preset {record['preset']}"
    files.write_text(run_dir / "index.html", build_page(title, body))
    lines = [f"\n{title}\n{table.to_string()}" for title, table in tables.items()]
    lines = lines or ["\nNo results: these notebooks score no test images."]
    lines += [f"\n{finding}" for finding in findings]
    lines.append(f"\nReport: {run_dir / 'index.html'}")
    if (run_dir / "verdict.html").exists():
        lines.append(f"Verdict: {run_dir / 'verdict.html'}")
    return "\n".join(lines)
