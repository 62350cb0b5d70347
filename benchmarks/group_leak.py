"""Measures how far a split by image overstates accuracy if patients have several images.

python benchmarks/group_leak.py

The images are drawn, so that the leak can be made and new patients can be had. Each patient has one
of two shapes, discs or pentagons, which are hard to tell apart. All images of a patient have the
same background and the same color of the shape, drawn at random and independent of the class;
place, angle, size and noise differ. A classifier can thus learn the class, or recognize patients
and remember their label.

A classifier learns from four fifths of the images of 60 patients and is scored on the last fifth,
which is held out by image or by patient. It is then scored on 300 patients that it has never met:
that is what the first score should have told. There are three classifiers: a linear probe on the
features of the encoder in data/pretrained, a linear probe on pixels, and nearest neighbors by the
mean color of an image, which says nothing about the class.

The rows are in results/group_leak.csv, the summary in results/group_leak.md. It takes about a
minute; the same command continues a measurement that was stopped.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import write_rows
from scipy.stats import t

from simclr_utils import files
from simclr_utils.session import start

ROOT = Path(__file__).resolve().parent.parent
RESULTS, ENCODER = ROOT / "results", ROOT / "data" / "pretrained" / "encoder.keras"
PATIENTS, IMAGES = 60, 12  # with labels; the images are of each patient
NEW_PATIENTS, NEW_IMAGES = 300, 4
SHAPES = (0, 4)  # discs and pentagons
HELD_OUT = 0.2
# What all images of a patient have in common, and the range that it is drawn from.
SIGNATURE = {
    **{"hue": (0, 1), "background_hue": (0, 1), "background_lightness": (0.2, 0.8)},
    **{"background_texture_angle": (0, np.pi), "background_texture_frequency": (2, 6)},
}
CLASSIFIERS = {
    "encoder": "linear probe on features of the pretrained encoder",
    "pixels": "linear probe on the pixels of the image reduced to 8 × 8",
    "mean color": "nearest neighbors by mean color",
}


def draw_patients(num_patients, num_images, seed):
    """Draws images of patients.

    Args:
        num_patients: Integer, even.
        num_images: Integer, the images of each patient.
        seed: Integer or sequence of integers.

    Returns:
        A tuple of uint8 images `[N, 32, 32, 3]`, their classes 0 or 1, `[N]`, and the numbers of
        their patients, `[N]`.
    """
    from simclr_utils.data.shapes import render_shapes

    random, patients = np.random.default_rng(seed), np.arange(num_patients).repeat(num_images)
    classes = random.permutation(np.arange(num_patients) % 2)[patients]
    fixed = {
        name: random.uniform(*ends, num_patients)[patients] for name, ends in SIGNATURE.items()
    }
    fixed["background_texture"] = random.choice(["plain", "stripes"], num_patients)[patients]
    labels = np.array(SHAPES)[classes]
    drawn = render_shapes(len(patients), seed, labels=labels, fixed=fixed)
    return drawn.images, classes, patients


def extract(name, images):
    """Returns what the classifier of a name is given of images, `[N, D]`."""
    if name == "mean color":
        return images.mean(axis=(1, 2)) / 255
    if name == "pixels":  # of the image reduced to 8 x 8: a probe on 3,072 numbers takes minutes
        blocks = images.reshape(len(images), 8, 4, 8, 4, 3)
        return blocks.mean(axis=(2, 4)).reshape(len(images), -1) / 255
    import keras

    from simclr_utils.evaluation import extract_features

    return extract_features(keras.saving.load_model(ENCODER, compile=False), images)


def split(classes, patients, by, seed):
    """Returns the rows to learn from and those to score on, held out by image or by patient.

    Both splits are stratified: what is learned from has as many images of each class.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    options = {"n_splits": round(1 / HELD_OUT), "shuffle": True, "random_state": seed}
    if by == "image":
        return next(StratifiedKFold(**options).split(classes, classes))
    return next(StratifiedGroupKFold(**options).split(classes, classes, patients))


def fit(name, features, classes, patients):
    """Returns a fitted classifier. `patients` are their numbers, or `None` to ignore them."""
    if name == "mean color":
        from sklearn.neighbors import KNeighborsClassifier

        return KNeighborsClassifier(5).fit(features, classes)
    from simclr_utils.evaluation import fit_linear_probe

    return fit_linear_probe(features, classes, groups=patients)


def measure(name, seed):
    """Measures both splits for one draw of patients.

    Args:
        name: String, a key of `CLASSIFIERS`.
        seed: Integer, the seed of patients and splits.

    Returns:
        A list of two rows, dicts.
    """
    from simclr_utils.evaluation import accuracy_interval

    images, classes, patients = draw_patients(PATIENTS, IMAGES, [seed, 0])
    new_images, new_classes, _ = draw_patients(NEW_PATIENTS, NEW_IMAGES, [seed, 1])
    features, new_features = extract(name, images), extract(name, new_images)
    rows = []
    for by in ("image", "patient"):
        learn, score = split(classes, patients, by, seed)
        own = patients[learn] if by == "patient" else None
        fitted = fit(name, features[learn], classes[learn], own)
        answers = fitted.predict(features[score]), classes[score]
        over_images = accuracy_interval(*answers)
        over_patients = accuracy_interval(*answers, groups=patients[score])
        row = {"classifier": name, "seed": seed, "split_by": by, "accuracy": over_images["value"]}
        row |= {"low": over_images["low"], "high": over_images["high"]}
        row |= {"low_patients": over_patients["low"], "high_patients": over_patients["high"]}
        row["new_patients"] = float(np.mean(fitted.predict(new_features) == new_classes))
        rows.append({key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()})
    return rows


def mean_interval(values):
    """Returns a mean over the draws of patients, with its 95 % interval, in percent."""
    values = 100 * np.asarray(values)
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.1f} [{values.mean() - half:.1f} to {values.mean() + half:.1f}]"


def summarize(rows):
    """Returns the page of results, a string.

    Args:
        rows: DataFrame, as in results/group_leak.csv.
    """
    lines = [
        "# What a split by image does if patients have several images",
        "",
        f"Made by `benchmarks/group_leak.py` with {rows['seed'].nunique()} draws of {PATIENTS} "
        f"patients with {IMAGES} images each. Each patient is of one of two classes, discs or "
        "pentagons, and has a background and a color of its own, which are independent of the "
        f"class. A classifier learns from {100 * (1 - HELD_OUT):.0f} % of the images and is scored "
        f"on the others, then on {NEW_PATIENTS} new patients. Means over the draws in percent, "
        "with 95 % intervals; chance is 50.",
        "",
        "| classifier | held out by | reported accuracy | accuracy on new patients "
        "| overstated by |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (name, by), part in rows.groupby(["classifier", "split_by"], sort=False):
        cells = [part["accuracy"], part["new_patients"], part["accuracy"] - part["new_patients"]]
        shown = " | ".join(map(mean_interval, cells))
        lines.append(f"| {CLASSIFIERS[name]} | {by} | {shown} |")
    lines += [
        "",
        "How often the 95 % interval of the reported accuracy contains that on new patients:",
        "",
        "| held out by | interval over images | interval over patients |",
        "| --- | --- | --- |",
    ]
    for by, part in rows.groupby("split_by", sort=False):
        covered = [
            np.mean(
                (part[f"low{over}"] <= part["new_patients"])
                & (part["new_patients"] <= part[f"high{over}"])
            )
            for over in ("", "_patients")
        ]
        shown = " | ".join(f"{100 * share:.0f} %" for share in covered)
        lines.append(f"| {by} | {shown} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where the results go")
    options = parser.parse_args()
    start(0, "float32")
    path = options.folder / "group_leak.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    for name in CLASSIFIERS:
        for seed in range(options.seeds):
            if not any((row["classifier"], row["seed"]) == (name, seed) for row in rows):
                rows += measure(name, seed)
                write_rows("group_leak", rows, options.folder)
    files.write_text(options.folder / "group_leak.md", summarize(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
