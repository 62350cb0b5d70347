"""Compares ways to choose the images to label: at random, typical ones, doubtful ones.

python benchmarks/next_labels.py --images FOLDER --encoders FOLDER

The training images of a folder play the pool: a strategy picks some of them, and only then their
labels are used. Each strategy goes from the first count to the last and keeps what it has picked.
The score is the accuracy of a linear probe on the validation images, with the penalty chosen by
five-fold cross-validation on the picked images alone. No test image is looked at. The same command
continues a measurement that was stopped. The rows are in results/benchmarks/next_labels.csv.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import read_rows, write_rows
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from simclr_utils.session import start
from simclr_utils.study.next_labels import doubtful_images, typical_images
from simclr_utils.system import provenance

COUNTS = (50, 100, 200, 500)
PENALTIES = (1e-2, 1e-1, 1.0)  # of the mean loss
STRATEGIES = ("random", "typical", "doubtful", "typical, then doubtful")


def fit_probe(features, labels):
    """Fits a probe, with the penalty chosen by cross-validation. Returns a function of features."""
    scaler = StandardScaler().fit(features)
    scaled, folds = scaler.transform(features), np.arange(len(labels)) % 5

    def fit(rows, penalty):
        model = LogisticRegression(C=1 / (penalty * len(rows)), max_iter=1000, tol=1e-3)
        return model.fit(scaled[rows], labels[rows])

    def score(penalty):
        hits = 0
        for fold in range(5):
            model = fit(np.flatnonzero(folds != fold), penalty)
            hits += np.sum(model.predict(scaled[folds == fold]) == labels[folds == fold])
        return hits

    best = max(reversed(PENALTIES), key=score)
    model = fit(np.arange(len(labels)), best)

    def predict(others, num_classes):
        probabilities = np.zeros((len(others), num_classes))
        probabilities[:, model.classes_] = model.predict_proba(scaler.transform(others))
        return probabilities

    return predict


def pick(strategy, count, labeled, pool, seed):
    """Picks `count` more images of the pool, a pair of features and labels."""
    features, labels = pool
    first = not labeled.any()
    if strategy == "random" or (strategy == "doubtful" and first):
        random = np.random.default_rng([seed, int(labeled.sum())])
        return random.permutation(np.flatnonzero(~labeled))[:count]
    few = labeled.sum() + count < 20 * len(np.unique(labels))
    if strategy == "typical" or (strategy != "doubtful" and few):
        return typical_images(features, labeled, count, seed)["row"].to_numpy()
    predict = fit_probe(features[labeled], labels[labeled])
    probabilities = predict(features, int(labels.max()) + 1)
    return doubtful_images(probabilities, labeled, count)["row"].to_numpy()


def measure(strategy, pool, validation, seed):
    """Yields a row for each number of labels."""
    labeled, num_classes = np.zeros(len(pool[1]), bool), int(pool[1].max()) + 1
    for count in COUNTS:
        labeled[pick(strategy, count - int(labeled.sum()), labeled, pool, seed)] = True
        predict = fit_probe(pool[0][labeled], pool[1][labeled])
        right = predict(validation[0], num_classes).argmax(1) == validation[1]
        yield {
            "labels": count,
            "validation_accuracy": round(float(right.mean()), 4),
            "classes": len(np.unique(pool[1][labeled])),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="a folder with labels, as in load_dataset")
    parser.add_argument("--encoders", required=True, help="a folder with encoders by seed")
    parser.add_argument("--cache", default=None, help="folder for decoded images")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    start(0, "float32")
    from simclr_utils import extract_features, load_dataset
    from simclr_utils.training.pretraining import load_encoder

    warnings.filterwarnings("ignore", message="The number of unique classes")
    dataset = load_dataset(Path(options.images), cache_dir=options.cache, limits={"unlabeled": 0})
    encoders = sorted(Path(options.encoders).glob("[0-9]*"), key=lambda path: int(path.name))
    rows, features = read_rows("next_labels"), {}
    for repeat in range(options.repeats):
        encoder = repeat % len(encoders)
        for strategy in STRATEGIES:
            key = {"dataset": dataset.name, "strategy": strategy, "repeat": repeat}
            key |= {"encoder": encoders[encoder].name}
            done = {name: str(value) for name, value in key.items()}.items()
            if any(done <= {k: str(v) for k, v in row.items()}.items() for row in rows):
                continue
            if encoder not in features:
                model = load_encoder(encoders[encoder])[0]
                parts = (dataset.train, dataset.validation)
                features[encoder] = [(extract_features(model, part[0]), part[1]) for part in parts]
            with threadpool_limits(1, user_api="blas"):
                rows += [{**key, **row} for row in measure(strategy, *features[encoder], repeat)]
            write_rows("next_labels", rows)
    table = pd.DataFrame(rows).groupby(["strategy", "labels"])["validation_accuracy"]
    print((100 * table.agg(["mean", "std"])).round(1).unstack("labels").to_string())
    print(provenance.hardware_string())


if __name__ == "__main__":
    main()
