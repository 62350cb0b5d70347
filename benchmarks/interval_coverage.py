"""Simulates how often the intervals hold the truth, and how often a verdict is false.

    python benchmarks/interval_coverage.py

The truth is known: differences are drawn with the variance components below. Each row is one
situation, with intervals *before* (three mean squares added up, each of which contains the noise
of images times runs; a verdict from any number of runs) and *after* (`uncertainty_of_mean`, and
the rule of `evaluation.verdicts`). Rows go to results/benchmarks/coverage.csv, a page to
results/coverage.md. A stopped simulation continues.

In a balanced model with normal effects, mean squares are independent multiples of chi-squared
variables, and independent of the mean. So they are drawn directly, and the probability that an
interval holds the truth is computed given them. Rows of the model "predictions" draw right and
wrong answers for each image instead, and call `paired_difference`: they check the shortcut.

`COMPONENTS` come from results/studies/cifar10: the differences of `linear_probe` and `fine_tuned`
to `supervised`, ten subsets (three with 10,000 labels) times three encoders times 10,000 test
images, split by mean squares. Its settings were chosen anew in each subset, so "s" contains that
choice. The option --estimate prints them anew. A negative estimate counts as 0, and the two methods
are averaged.
"""

import argparse
import itertools
import math

import numpy as np
import pandas as pd
from measuring import RESULTS, read_rows, write_rows
from scipy.stats import norm, t

from simclr_utils import files
from simclr_utils.evaluation.components import mean_squares, uncertainty_of_mean
from simclr_utils.evaluation.predictions import Predictions
from simclr_utils.evaluation.statistics import paired_difference
from simclr_utils.evaluation.verdicts import has_evidence

AXES = "sei"  # subsets, encoders, images
EFFECTS = [axes for size in (1, 2, 3) for axes in itertools.combinations(range(3), size)]
# By number of labels: standard deviations in points, of effects without images; variances in
# 1/100 of an image, of those with images.
COMPONENTS = {
    100: {"s": 2.7, "e": 0.34, "se": 0.74, "i": 2.57, "si": 19.69, "ei": 0.33, "sei": 6.48},
    1000: {"s": 0.77, "e": 0.44, "se": 0.38, "i": 2.69, "si": 14.01, "ei": 0.85, "sei": 7.39},
    10_000: {"s": 0.3, "e": 0.46, "se": 0.04, "i": 4.67, "si": 7.33, "ei": 5.1, "sei": 2.7},
}
IMAGES, ENCODERS, SUBSETS = (100, 300, 1000, 5000, 10_000), (1, 2, 3), (1, 3, 10)
TUNING, GAIN = (0.0, 0.5, 1.0), 2.0  # points
DRAWS, DRAWS_OF_PREDICTIONS = 2000, 1500
# The method of the model "predictions": latent variances, which sum to 1 for both methods.
FIRST = {"i": 0.08, "s": 0.001, "e": 0.0002, "se": 0.0005, "si": 0.22, "ei": 0.02, "sei": 0.1783}
SECOND = {"i": 0.08, "s": 0.0017, "si": 0.4183}
SHARED = 0.5  # difficulty of an image for both


def estimate(folder="results/studies/cifar10"):
    """Returns the variance components of a stored study, a dict from label counts to dicts."""
    stored = Predictions(f"{folder}/predictions.sqlite")
    found = stored.keys()
    shared = {name: found[0][name] for name in ("preset", "fingerprint")}

    def right(method, labels, seeds):
        runs = [
            [
                stored.load(
                    **shared, method=method, labels=labels, subset_seed=s, pretraining_seed=e
                )
                for e in seeds
            ]
            for s in range(3)
        ]
        return np.array([[run.correct for run in row] for row in runs if row[0]], float)

    tables, counts = {}, {key["labels"] for key in found}
    for labels in sorted(counts):
        baseline = right("supervised", labels, [None])
        parts = [
            split(right(method, labels, range(3)) - baseline)
            for method in ("linear_probe", "fine_tuned")
        ]
        tables[labels] = {name: np.mean([part[name] for part in parts]) for name in parts[0]}
    return tables


def split(table):
    """Returns the variance components of a table `[S, E, N]` in the units of `COMPONENTS`."""
    squares, shares, found = mean_squares(table), {}, {}
    for axes in sorted(EFFECTS, key=len, reverse=True):
        above = sum(share for other, share in shares.items() if set(other) > set(axes))
        shares[axes] = squares[axes][0] - above
        variance = max(shares[axes], 0) * math.prod(table.shape[axis] for axis in axes)
        found[name(axes)] = 100 * (variance if 2 in axes else math.sqrt(variance))
    return found


def name(axes):
    return "".join(AXES[axis] for axis in axes)


def shares_of(labels, sizes, tuning):
    """Returns what each effect adds to the variance of the mean, a dict from axes."""
    shares = {}
    for axes in EFFECTS:
        value = COMPONENTS[labels][name(axes)]
        variance = value / 100 if 2 in axes else (value / 100) ** 2
        variance += (tuning / 100) ** 2 if axes == (0,) else 0
        shares[axes] = variance / math.prod(sizes[axis] for axis in axes)
    return shares


def draw_squares(random, shares, sizes):
    """Draws `DRAWS` times the mean squares of a table, as `mean_squares` returns them."""
    squares = {}
    for axes in EFFECTS:
        freedom = math.prod(sizes[axis] - 1 for axis in axes)
        if freedom:
            expected = sum(share for other, share in shares.items() if set(other) >= set(axes))
            squares[axes] = (expected * random.chisquare(freedom, DRAWS) / freedom, freedom)
    return squares


def half_width_before(squares):
    """Returns half the width of an interval whose variance is the sum of three mean squares."""
    single = [pair for axes, pair in squares.items() if len(axes) == 1]
    variance = sum(square for square, _ in single)
    freedom = variance**2 / sum(square**2 / freedom for square, freedom in single)
    return t.ppf(0.975, freedom) * np.sqrt(variance)


def simulate(random, labels, images, encoders, subsets, tuning, tuned):
    """Returns the row of one situation.

    Args:
        random: NumPy `Generator`.
        labels: Integer, a key of `COMPONENTS`.
        images: Integer, the number of test images.
        encoders: Integer.
        subsets: Integer.
        tuning: Float, the standard deviation that the choice of settings adds, in points.
        tuned: String, "once" for all subsets, or "per subset".
    """
    sizes = (subsets, encoders, images)
    shares = shares_of(labels, sizes, tuning if tuned == "per subset" else 0)
    squares = draw_squares(random, shares, sizes)
    once = (tuning / 100) ** 2 if tuned == "once" else 0
    varied = sum(share for axes, share in shares.items() if any(sizes[a] > 1 for a in axes))
    scope, everything = math.sqrt(varied + once), math.sqrt(sum(shares.values()) + once)
    row = {"model": "mean squares", "labels": labels, "images": images, "encoders": encoders}
    row |= {"subsets": subsets, "tuning": tuning, "tuned": tuned}
    halves = {"before": half_width_before(squares)}
    halves["after"] = uncertainty_of_mean(squares).half_width()
    for when, half in halves.items():
        allowed = when == "before" or has_evidence((subsets, encoders))
        row[f"coverage_{when}"] = np.mean(1 - 2 * norm.sf(half / scope))
        row[f"half_width_{when}"] = 100 * np.median(half)
        row[f"false_{when}"] = allowed * np.mean(2 * norm.sf(half / everything))
        row[f"power_{when}"] = allowed * np.mean(norm.sf((half - GAIN / 100) / everything))
    return {
        key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()
    }


def simulate_predictions(random, images, encoders, subsets):
    """Returns a row of the model "predictions": two methods that are equally good on average."""
    sizes, covered, before = (subsets, encoders, images), 0, 0
    scope = [axis for axis in range(3) if sizes[axis] > 1]
    halves = []  # of the intervals after
    for _ in range(DRAWS_OF_PREDICTIONS):
        difficulty = random.normal(0, SHARED**0.5, images)
        # What exists once is not covered, so it does not vary.
        first = difficulty + latent(random, FIRST, sizes, scope)
        second = difficulty + latent(random, SECOND, (subsets, 1, images), scope)
        found = paired_difference(first > 0, second > 0)
        covered += found.low <= 0 <= found.high
        halves.append(found.high - found.value)
        gaps = (first > 0).astype(float) - (second > 0)
        before += abs(gaps.mean()) <= half_width_before(mean_squares(gaps))
    row = {"model": "predictions", "labels": 100, "images": images, "encoders": encoders}
    row |= {"subsets": subsets, "tuning": 0.0, "tuned": "per subset"}
    row |= {"coverage_before": before / DRAWS_OF_PREDICTIONS}
    row |= {"coverage_after": covered / DRAWS_OF_PREDICTIONS}
    return {**row, "half_width_after": round(100 * float(np.median(halves)), 4)}


def latent(random, variances, sizes, scope):
    """Draws one method's latent scores `[S, E, N]`, without effects of what exists once."""
    total, rest = np.zeros(sizes), 0.0
    for effect, variance in variances.items():
        axes = [AXES.index(letter) for letter in effect]
        if not set(axes) & set(scope):
            rest += variance
            continue
        shape = [sizes[axis] if axis in axes else 1 for axis in range(3)]
        total = total + random.normal(0, variance**0.5, shape)
    # The latent variances of both methods sum to 1 in every situation: they are equally good.
    return total + random.normal(0, rest**0.5, sizes) if rest else total


def situations():
    """Yields the arguments of `simulate`, by name, in blocks."""
    for labels, tuning in itertools.product(COMPONENTS, TUNING):
        for tuned in ("once", "per subset") if tuning else ("per subset",):
            yield [
                dict(zip(("images", "encoders", "subsets"), sizes, strict=True))
                | {"labels": labels, "tuning": tuning, "tuned": tuned}
                for sizes in itertools.product(IMAGES, ENCODERS, SUBSETS)
            ]


PAGE = """# Coverage of the intervals, and false verdicts

Simulated with known truth by `benchmarks/interval_coverage.py`, from the variance components of
results/studies/cifar10 at {labels} labels.
*Before*: three mean squares added up. *After*: crossed random effects, as in
`simclr_utils/evaluation/components.py`.

## How many 95 % intervals hold the truth, in %

The mean over label counts and tuning noise (0, 0.5 and 1 point, drawn anew in each subset), and
the smallest and largest. An interval covers what was repeated, so the truth of one encoder or one
subset is that of this encoder or subset. With a single subset, the noise of its choice of
settings counts as its own.

{coverage}

With right and wrong answers drawn for each test image, at 100 labels:

{predictions}

## How often a verdict is false, in %

No true difference; other encoders and subsets count too. The mean over label counts and 100 to
10,000 test images, and the largest. Columns: the standard deviation that the choice of settings
adds to a difference, and whether it is made once for all subsets, which no interval covers, or
per subset. *After*, there is no verdict from a single encoder or a single subset.

{false}

## How often a true gain of two points is found, in %

Three encoders, settings chosen per subset with half a point of noise.

{power}
"""


def page(rows):
    """Returns the page of results, a string."""
    rows = rows.assign(
        size=[f"{images:,} images" for images in rows["images"]],
        chosen=[
            f"{tuning:g} points, {tuned}" if tuning else "none"
            for tuning, tuned in zip(rows["tuning"], rows["tuned"], strict=True)
        ],
    )
    known, drawn = (rows[rows["model"] == model] for model in ("mean squares", "predictions"))
    fair, runs = known[known["tuned"] == "per subset"], ["encoders", "subsets"]
    power = fair[(fair["encoders"] == 3) & (fair["tuning"] == 0.5)]
    return PAGE.format(
        labels=", ".join(f"{labels:,}" for labels in COMPONENTS),
        coverage=table(fair, "coverage", runs, "size", _with_range),
        predictions=table(drawn, "coverage", runs, "size", _mean),
        false=table(known, "false", runs, "chosen", _with_worst),
        power=table(power, "power", ["labels", "subsets"], "size", _mean),
    )


def _mean(values):
    return f"{100 * values.mean():.0f}" if values.max() > 0 else "none"


def _with_range(values):
    return f"{100 * values.mean():.1f} ({100 * values.min():.1f} to {100 * values.max():.1f})"


def _with_worst(values):
    return f"{100 * values.mean():.1f} ({100 * values.max():.1f})" if values.max() > 0 else "none"


def table(rows, column, index, columns, text):
    """Returns a Markdown table of a column, with a line before and a line after."""
    lines, titles = [], list(dict.fromkeys(rows[columns]))
    for key, group in rows.groupby(index):
        for when in ("before", "after"):
            cells = [text(group[group[columns] == title][f"{column}_{when}"]) for title in titles]
            lines.append([*key, when, *cells])
    header = [*index, "", *titles]
    lines = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--estimate", action="store_true", help="print the components, and stop")
    if parser.parse_args().estimate:
        for labels, parts in estimate().items():
            print(labels, {name: round(float(value), 2) for name, value in parts.items()})
        return
    rows = read_rows("coverage")

    def missing(key):
        return not any(key.items() <= row.items() for row in rows)

    for block in situations():
        new = [
            simulate(np.random.default_rng(0), **key)
            for key in block
            if missing({"model": "mean squares", **key})
        ]
        if new:
            rows += new
            write_rows("coverage", rows)
    for images, encoders, subsets in itertools.product((100, 300), (1, 3), (1, 3, 10)):
        key = {"model": "predictions", "images": images, "encoders": encoders, "subsets": subsets}
        if missing(key):
            random = np.random.default_rng(1)
            rows.append(simulate_predictions(random, images, encoders, subsets))
            write_rows("coverage", rows)
    files.write_text(RESULTS.parent / "coverage.md", page(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
