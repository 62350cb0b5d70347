"""Measures whether the features or the projections of pretrained encoders are better.

python benchmarks/head_or_features.py data/pretrained --labels 10,100,500
python benchmarks/head_or_features.py results/studies/cifar10/encoders/? --source FOLDER

Each argument is a folder with an encoder and its projection head. A linear probe and kNN are
fitted on both outputs with the same labels, and scored on all test images. Rows that
`results/head.csv` already has are not measured again. The table goes to `results/head.md`.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import write_rows

from simclr_utils import files
from simclr_utils.session import start

RESULTS = Path(__file__).resolve().parent.parent / "results"
KEYS = ["dataset", "pretraining_seed", "labels", "subset_seed", "classifier", "output"]
PAGE = """# Features or projections?

The projection head is dropped after pretraining, and the features before it are kept. This page
measures both. A linear probe and kNN (20 neighbors) get the features $h$ or the projections $z$ of
the same encoder, and the same labels. The table shows test accuracy in percent, the mean over
encoders and label subsets. In brackets is the standard deviation of the difference $z - h$ over
encoders and subsets; it is left out where there is one measurement.

{tables}

{reading}

## What made it

    python benchmarks/head_or_features.py data/pretrained --labels 10,100,500
    python benchmarks/head_or_features.py results/studies/cifar10/encoders/? --source FOLDER

Rows, with versions and hardware: [head.csv](head.csv). The penalty of a probe is chosen on
validation images. With all labels there is one subset.
"""
READING = """On `glyphs` the views change place, size and color, and the class is the sign: they
change nothing that tells the classes apart. There kNN is better on the projections, by 1 to 3
points. For the probe the two are about level. The projections are ahead with 10 labels and the
features with 500, both by about as much as the spread.

On the photographs of CIFAR-10 the two classifiers disagree. The probe is better on the features, by
1 to 3 points, though at 500 labels by no more than the spread. kNN is better on the projections
from 500 labels on, by 2 to 4 points. A likely reason: a probe weighs every direction by itself, so
that it can ignore a nuisance, and it misses what the head has dropped, such as colors that tell
something about the class. kNN counts all directions alike, so it gains when nuisances are gone,
and the head was trained for the cosine similarity that kNN uses."""


def outputs_of(folder, dataset):
    """Computes features and projections of the labeled images.

    Args:
        folder: Path of an encoder and its projection head.
        dataset: `Dataset`.

    Returns:
        A pair: a dict from "features" and "projections" to a dict from a split's name to a float
        array `[N, D]`, and the encoder's record.
    """
    import keras

    from simclr_utils.evaluation.features import extract_features
    from simclr_utils.training.pretraining import load_encoder

    encoder, record = load_encoder(folder, dataset)
    head = keras.saving.load_model(folder / "projection_head.keras", compile=False)
    splits = ("train", "validation", "test")
    features = {name: extract_features(encoder, getattr(dataset, name)[0]) for name in splits}
    projections = {
        name: np.asarray(head(vectors, training=False), "float32")
        for name, vectors in features.items()
    }
    return {"features": features, "projections": projections}, record


def score(classifier, vectors, dataset, rows):
    """Returns the test accuracy of a classifier, "linear probe" or "kNN".

    Args:
        classifier: String.
        vectors: Dict from a split's name to a float array `[N, D]`.
        dataset: `Dataset`, the labels.
        rows: Integer array, the training images whose labels are used.
    """
    from simclr_utils.evaluation.probes import fit_knn, fit_linear_probe

    features, labels = vectors["train"][rows], dataset.train[1][rows]
    if classifier == "kNN":
        fitted = fit_knn(features, labels)
    else:
        validation = vectors["validation"], dataset.validation[1]
        fitted = fit_linear_probe(features, labels, validation)
    return float(np.mean(fitted.predict(vectors["test"]) == dataset.test[1]))


def measure(folder, dataset, counts, num_subsets, known):
    """Yields a row for each classifier, output, number of labels and label subset.

    Args:
        folder: Path of an encoder and its projection head.
        dataset: `Dataset`.
        counts: List of integers, the numbers of labels; those above all labels become all.
        num_subsets: Integer, label subsets for each number.
        known: Set of tuples of `KEYS`, the rows that are measured already.
    """
    from simclr_utils.data.splits import label_subset

    outputs, record = outputs_of(folder, dataset)
    for labels in sorted({min(count, len(dataset.train[1])) for count in counts}):
        for subset in range(num_subsets if labels < len(dataset.train[1]) else 1):
            rows = label_subset(dataset.train[1], labels, subset)
            for classifier in ("linear probe", "kNN"):
                for output, vectors in outputs.items():
                    values = (dataset.name, record["seed"], labels, subset, classifier, output)
                    if values in known:
                        continue
                    row = dict(zip(KEYS, values, strict=True))
                    row["accuracy"] = round(score(classifier, vectors, dataset, rows), 4)
                    yield row | {"fingerprint": dataset.fingerprint, "steps": record["steps"]}


def table(frame):
    """Returns a Markdown table of one dataset's rows.

    Args:
        frame: DataFrame with the columns `KEYS` and `accuracy`.
    """
    wide = frame.pivot(index=KEYS[:-1], columns="output", values="accuracy") * 100
    lines = ["| | labels | features | projections | difference |", "|---|---|---|---|---|"]
    for (classifier, labels), part in wide.groupby(["classifier", "labels"], sort=True):
        gain = part["projections"] - part["features"]
        spread = f" ({gain.std():.1f})" if len(gain) > 1 else ""
        lines.append(
            f"| {classifier} | {labels:,} | {part['features'].mean():.1f} | "
            f"{part['projections'].mean():.1f} | {gain.mean():+.1f}{spread} |"
        )
    return "\n".join(lines)


def write_page(frame, folder=RESULTS):
    """Writes `head.md`.

    Args:
        frame: DataFrame, all rows.
        folder: Path.
    """
    tables = []
    for name, part in frame.groupby("dataset"):
        seeds = part["pretraining_seed"].nunique()
        steps = part["steps"].iloc[0]
        encoders = "one encoder" if seeds == 1 else f"{seeds} encoders"
        tables.append(f"## {name}: {encoders}, {steps:,} steps of pretraining\n\n{table(part)}")
    page = PAGE.format(tables="\n\n".join(tables), reading=READING)
    files.write_text(folder / "head.md", page)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoders", type=Path, nargs="+", help="folders of encoders")
    parser.add_argument("--source", help="folder of images that the encoders were trained on")
    parser.add_argument("--labels", default="100,500,1000,5000,10000")
    parser.add_argument("--subsets", type=int, default=3)
    parser.add_argument("--cache", default="runs/cache", help="folder for decoded images")
    options = parser.parse_args()
    start(0, "float32")
    from simclr_utils.data.dataset import load_dataset

    counts = [int(number) for number in options.labels.split(",")]
    path = RESULTS / "head.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    made = files.load_json(options.encoders[0] / "encoder.json")
    source, limits = options.source or made["dataset"], made["config"].get("limits")
    dataset = load_dataset(source, cache_dir=options.cache, limits=limits)
    for folder in options.encoders:
        known = {tuple(row[key] for key in KEYS) for row in rows}
        for row in measure(folder, dataset, counts, options.subsets, known):
            rows.append(row)
            write_rows("head", rows, RESULTS)
    write_page(pd.DataFrame(rows))


if __name__ == "__main__":
    main()
