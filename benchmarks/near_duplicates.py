"""Draws random pairs of images above some cosine similarities, to see which are near-duplicates.

python benchmarks/near_duplicates.py features.npz /path/to/images --out sheets

`features.npz` is a file that `python -m simclr_utils embed` wrote. For each threshold, the number
of pairs and groups is printed, and a sheet of up to 20 random pairs is drawn. A person has to judge
them. What was found on CIFAR-10 stands in docs/take_it_away.md.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from simclr_utils.deploy.feature_files import read_features
from simclr_utils.deploy.neighbors import BLOCK, near_duplicates, unit_length

THRESHOLDS = (0.95, 0.98, 0.99, 0.995)
SHOWN, COLUMNS = 20, 5
SIDE, GAP, LINE = 128, 8, 16  # pixels


def find_pairs(unit, smallest):
    """Returns the first and second images of all pairs above a similarity, and the similarities."""
    found = []
    for start in range(0, len(unit), BLOCK):
        cosines = unit[start : start + BLOCK] @ unit[start:].T
        first, second = np.nonzero(cosines >= smallest)
        once = first < second
        first, second = first[once], second[once]
        found.append((first + start, second + start, cosines[first, second]))
    return [np.concatenate(part) for part in zip(*found, strict=True)]


def draw(pairs, names, folder):
    """Draws pairs side by side, with their similarity and their names below."""
    width, height = 2 * SIDE + 2 * GAP, SIDE + LINE + GAP
    sheet = Image.new("RGB", (COLUMNS * width, -(-len(pairs) // COLUMNS) * height), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (first, second, cosine) in enumerate(pairs):
        left, top = place % COLUMNS * width, place // COLUMNS * height
        for side, row in enumerate((first, second)):
            with Image.open(folder / names[row]) as image:
                small = image.convert("RGB").resize((SIDE, SIDE))
            sheet.paste(small, (left + side * (SIDE + 2), top))
        pen.text((left, top + SIDE), f"{cosine:.4f} {names[first]} {names[second]}", fill="black")
    return sheet


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("features")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("sheets"))
    options = parser.parse_args()
    names, values = read_features(options.features)
    unit, random = unit_length(values), np.random.default_rng(0)
    pairs = find_pairs(unit, min(THRESHOLDS))
    options.out.mkdir(parents=True, exist_ok=True)
    for threshold in THRESHOLDS:
        rows = np.flatnonzero(pairs[2] >= threshold)
        groups = near_duplicates(unit, threshold)
        print(
            f"{threshold}: {len(rows):,} pairs, {len(groups):,} groups of "
            f"{sum(map(len, groups)):,} images, the largest of {max(map(len, groups), default=0):,}"
        )
        chosen = random.choice(rows, min(SHOWN, len(rows)), replace=False)
        shown = [tuple(part[row] for part in pairs) for row in chosen]
        if shown:
            draw(shown, names, options.folder).save(options.out / f"pairs_{threshold}.png")


if __name__ == "__main__":
    main()
