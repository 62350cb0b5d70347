"""The command `findings`: the AUROC of each finding, by probes on a frozen encoder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from simclr_utils import files
from simclr_utils.cli.arguments import resolve_source
from simclr_utils.cli.frame import as_run_error, keep_existing
from simclr_utils.data.dataset import Dataset, load_dataset
from simclr_utils.data.findings import strata
from simclr_utils.data.one_finding import findings_of
from simclr_utils.data.splits import label_subset
from simclr_utils.deploy.image_files import as_channels
from simclr_utils.deploy.ready import ReadyEncoder, open_ready
from simclr_utils.evaluation.features import extract_features
from simclr_utils.evaluation.finding_scores import FindingImages, score_findings
from simclr_utils.places import user_path
from simclr_utils.reading import ALL_FINDINGS
from simclr_utils.session import start

BLOCK = 2048  # images that change their channels at once


@dataclass(frozen=True)
class Asked:
    """What the command is asked for.

    Args:
        labels: Integer, how many labeled train images the probes learn from, or `None` for all.
        test: Boolean, whether test images are scored and not validation images.
        out: Path of a CSV file to write, or `None`.
        image_size: Integer, as in `open_ready`.
        overwrite: Boolean, whether the file may exist.
    """

    labels: int | None = None
    test: bool = False
    out: str | Path | None = None
    image_size: int | None = None
    overwrite: bool = False


def run(source: str, encoder: str, asked: Asked) -> pd.DataFrame:
    """Scores a probe for each finding of a source, and prints the table.

    Args:
        source: String, a source of images with several findings or one label each.
        encoder: String, as `open_ready` takes it.
        asked: An `Asked`.

    Returns:
        The DataFrame of `score_findings`.

    Raises:
        RunError: If the source, the encoder or the file cannot be used.
    """
    out = None if asked.out is None else user_path(asked.out)
    if out is not None:
        keep_existing(out, overwrite=asked.overwrite, choose="another name")
    source, split = resolve_source(source), "test" if asked.test else "validation"
    start(0, "float32")
    with as_run_error(ValueError, ImportError, RuntimeError):
        ready = open_ready(encoder, asked.image_size)
        dataset = load_findings(source, ready)
        train = read_split(dataset, ready, "train", asked.labels)
        table = score_findings(train, read_split(dataset, ready, split))
    print(describe(table, split, bool(dataset.groups)))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(out, table.to_csv(index=False))
        print(f"Written: {out}")
    return table


def load_findings(source: str, ready: ReadyEncoder) -> Dataset:
    """Loads a source with all of its findings, in the size of an encoder.

    Args:
        source: String, as `resolve_source` returns it.
        ready: `ReadyEncoder`.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: If there are no labels, or the encoder's images are not square.
    """
    height, width, _ = ready.image_shape
    if height != width:
        raise ValueError(f"{ready.name} takes images of {height}x{width} pixels; expected squares.")
    reading = ready.reading
    rules = {name: getattr(reading, name) for name in ("resize", "background", "value_range")}
    dataset = load_dataset(source, height, **rules, finding=ALL_FINDINGS)
    return dataset.require_labels()


def read_split(
    dataset: Dataset, ready: ReadyEncoder, split: str, count: int | None = None
) -> FindingImages:
    """Computes the features of a split, with what is known of its findings.

    Args:
        dataset: A `Dataset`, as `load_findings` returns it.
        ready: `ReadyEncoder`.
        split: String, `"train"`, `"validation"` or `"test"`.
        count: Integer, how many images of it, or `None` for all.

    Returns:
        A `FindingImages`.

    Raises:
        ValueError: If there are fewer images, or fewer than one for each finding.
    """
    (images, labels), groups = getattr(dataset, split), dataset.groups.get(split)
    rows = np.arange(len(labels))
    if count is not None:
        kinds = strata(labels, dataset.findings, groups)
        if not len(np.unique(kinds)) <= count <= len(labels):
            raise ValueError(
                f"--labels {count}: expected from {len(np.unique(kinds))}, one for each finding by "
                f"which images are stratified, to {len(labels):,}, all labels of {split}."
            )
        rows = np.sort(label_subset(kinds, count, 0, groups))
    parts = []
    for first in range(0, len(rows), BLOCK):
        block = as_channels(images[rows[first : first + BLOCK]], ready.image_shape[-1])
        parts.append(extract_features(ready.encoder, block))
    known = {name: values[labels[rows]] for name, values in findings_of(dataset).items()}
    return FindingImages(np.concatenate(parts), known, None if groups is None else groups[rows])


def describe(table: pd.DataFrame, split: str, grouped: bool) -> str:
    """Returns the table of findings as text, and sentences on what it holds.

    Args:
        table: DataFrame of `score_findings`.
        split: String, the split that was scored.
        grouped: Boolean, whether the images have groups.
    """
    rows = [
        {
            "finding": row.finding,
            "train": f"{row.train_positives:,} of {row.train_images:,}",
            split: f"{row.positives:,} of {row.images:,}",
            "AUROC": _interval(row, "auroc"),
            "average precision": row.reason or _interval(row, "average_precision"),
        }
        for row in table.itertuples()
    ]
    drawn = "groups" if grouped else "images"
    lines = [pd.DataFrame(rows).to_string(index=False)]
    lines.append(f"In brackets: 95 % intervals for other {split} images; {drawn} are drawn.")
    if table["auroc"].notna().any():
        mean, count = table["auroc"].mean(), int(table["auroc"].notna().sum())
        lines.append(f"Mean AUROC of the {count} findings with a number: {mean:.3f}.")
    if split == "test":
        lines.append(
            "The test images have been scored. What is chosen by these numbers is no longer tested "
            "by them: choose on validation images, and score test images once."
        )
    return "\n".join(lines)


def _interval(row, name):
    if row.reason:
        return ""
    low, high = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
    return f"{getattr(row, name):.3f} [{low:.3f} to {high:.3f}]"
