"""Draws galleries of a published encoder: views, neighbors, and what its probe mistakes.

    python tools/make_galleries.py --source FOLDER

writes `results/galleries/*.png` and the page about them. FOLDER holds the images of CIFAR-10, as
`results/cifar10.md` describes. All images shown are validation images, chosen by the seed, and
their neighbors are labeled training images.
"""

import argparse
from pathlib import Path

import numpy as np

from simclr_utils import files
from simclr_utils.plotting.images import CROSS, TICK, plot_images, show_image
from simclr_utils.plotting.style import COLORS, figure, to_png
from simclr_utils.session import start

ROOT = Path(__file__).resolve().parent.parent
ENCODER = Path("results/studies/cifar10/encoders/0")
PAGE = """# Galleries

Pictures of what the published CIFAR-10 encoder has learned: `{encoder}`, pretrained for {steps:,}
steps without labels. All are validation images, and their neighbors are labeled training images.
Those of the first two figures were chosen by the seed {seed}, not by hand.

    {command}

{sections}
"""
TITLES = {
    "views": "Views of some images",
    "neighbors": "Nearest neighbors",
    "mistakes": "What the probe mistakes",
}
NUMBERS = ("pixels", "features", "right", "least", "most")  # in the captions
CAPTIONS = {  # read off the figures of the seed 0
    "views": """\
Each column is an image and four of its views, made by the recipe of the pretraining:
crop, flip, color jitter and, for one view in five, grayscale. Size, place and color change; what
mostly remains is the form, such as the front of the car or the bird. In a few views little is left
to recognize, as in the last one of the ship.""",
    "neighbors": """\
Each row is an image, the five training images whose pixels are nearest to its
own, and the five whose features are nearest. A tick and a blue frame mark the class of the image.
Over all validation images, {pixels:.0%} of the neighbors by pixels and {features:.0%} of those by
features are of the same class. By pixels, brightness and background decide: the ship on blue water
gets airplanes on a blue sky. By features, the horse gets five horses, but the dark bird gets two
dark airplanes, and the ship a truck and two airplanes.""",
    "mistakes": """\
The wrong answers of which the probe is most sure, with {least:.0%} to {most:.0%}.
It was fitted on all labeled training images and is right on {right:.0%} of the validation images,
on which its penalty was chosen. Most of these pairs look alike: automobile and truck, deer and
horse, airplane and ship. The background seems to count too: two birds against the sky are taken
for airplanes, and a deer among leaves for a frog.""",
}


def draw_views(images, record, seed):
    """Draws images and four views of each, by the recipe of the encoder's pretraining.

    Args:
        images: Uint8 array `[N, H, W, C]`.
        record: Dict, the record of the encoder.
        seed: Integer.
    """
    from simclr_utils.views.recipe import build_augmenter

    size, _, channels = images.shape[1:]
    operations = dict(record["config"]["operations"])
    augmenter = build_augmenter(size, operations=operations, channels=channels, seed=seed)
    rows = [images / np.float32(255), *(augmenter(images).numpy() for _ in range(4))]
    labels = ["image", *(f"view {number}" for number in range(1, 5))]
    return plot_images(np.concatenate(rows), None, len(images), None, labels)


def draw_neighbors(queries, found, num_neighbors=5):
    """Draws images in rows, and beside each its neighbors in two spaces.

    Args:
        queries: Pair of images `[Q, H, W, C]` and names of their classes.
        found: Dict from the name of a space to a pair: images `[Q, K, H, W, C]` and booleans
            `[Q, K]` that say which are of the query's class.
        num_neighbors: Integer, K.
    """
    images, names = queries
    ratios = [1, *([0.35] + [1] * num_neighbors) * len(found)]
    size = (9, 9 / sum(ratios) * len(images) * 1.2 + 0.4)
    with figure(len(images), len(ratios), size, width_ratios=ratios) as (drawing, axes):
        for row, (image, name) in enumerate(zip(images, names, strict=True)):
            show_image(axes[row, 0], image, name)
            for place, (near, same) in enumerate(found.values()):
                first = 1 + place * (num_neighbors + 1)
                axes[row, first].axis("off")
                for axis, picture, right in zip(
                    axes[row, first + 1 :], near[row], same[row], strict=False
                ):
                    show_image(axis, picture, TICK if right else CROSS)
                    color = COLORS["blue"] if right else COLORS["orange"]
                    axis.spines[:].set(visible=True, color=color, linewidth=2)
        for place, space in enumerate(found):
            middle = axes[0, 2 + place * (num_neighbors + 1) + num_neighbors // 2]
            middle.set_title(f"{space}\n{middle.get_title()}", loc="center", fontsize=9)
    return drawing


def draw_mistakes(images, truth, answers, confidence):
    """Draws images with their class and, behind an arrow, the answer of the probe.

    Args:
        images: Uint8 array `[N, H, W, C]`.
        truth: Sequence of N strings.
        answers: Sequence of N strings.
        confidence: Float array `[N]` in 0..1, the probabilities of the answers.
    """
    num_columns = 6
    shape = (-(-len(images) // num_columns), num_columns)
    with figure(*shape, (9, 2.05 * shape[0])) as (drawing, axes):
        for axis in axes.flat:
            axis.axis("off")
        for axis, *parts in zip(axes.flat, images, truth, answers, confidence, strict=False):
            image, right, wrong, sure = parts
            axis.axis("on")
            show_image(axis, image)
            axis.set_title(f"{right}\n\u2192 {wrong}, {sure:.0%}", loc="center", fontsize=9)
    return drawing


def look(encoder, dataset, seed):
    """Computes what the galleries show.

    Args:
        encoder: `keras.Model`, images -> features.
        dataset: `Dataset`.
        seed: Integer, chooses the images.

    Returns:
        A pair: a dict of figures, and a dict of numbers for the captions.
    """
    from simclr_utils.evaluation.features import extract_features, pixel_features
    from simclr_utils.evaluation.probes import fit_knn, fit_linear_probe

    (gallery, known), (images, labels) = dataset.train, dataset.validation
    names = np.asarray(dataset.class_names)
    chosen = np.random.default_rng(seed).permutation(len(images))[:6]
    found, numbers, spaces = {}, {}, {"raw pixels": pixel_features}
    spaces["SimCLR features"] = lambda pictures: extract_features(encoder, pictures)
    for space, describe in spaces.items():
        stored, asked = describe(gallery), describe(images)
        near = fit_knn(stored, known, 5).kneighbors(asked, return_distance=False)
        same = known[near] == labels[:, None]
        found[space] = gallery[near[chosen]], same[chosen]
        numbers[space.split()[-1]] = same.mean()
    probe = fit_linear_probe(stored, known, (asked, labels))
    shares = probe.predict_probabilities(asked, dataset.num_classes)
    answers, sure = shares.argmax(axis=1), shares.max(axis=1)
    numbers["right"] = np.mean(answers == labels)
    worst = np.argsort(-np.where(answers != labels, sure, 0))[:18]
    numbers["least"], numbers["most"] = sure[worst].min(), sure[worst].max()
    parts = names[labels[worst]], names[answers[worst]], sure[worst]
    figures = {"neighbors": draw_neighbors((images[chosen], names[labels[chosen]]), found)}
    figures["mistakes"] = draw_mistakes(images[worst], *parts)
    return figures, numbers


def write(folder, figures, record, numbers, seed):
    """Writes the figures and the page about them.

    Args:
        folder: Path.
        figures: Dict from a name to a figure.
        record: Dict, the record of the encoder.
        numbers: Dict of the numbers in the captions.
        seed: Integer, as given.
    """
    sections = []
    for name, title in TITLES.items():
        files.write_bytes(folder / f"{name}.png", to_png(figures[name]))
        caption = CAPTIONS[name].format(**numbers)
        sections.append(f"## {title}\n\n![{title}]({name}.png)\n\n{caption}")
    command = f"python tools/make_galleries.py --source FOLDER --seed {seed}"
    page = {"encoder": ENCODER.as_posix(), "steps": record["steps"], "seed": seed}
    page |= {"command": command, "sections": "\n\n".join(sections)}
    files.write_text(folder / "README.md", PAGE.format(**page))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="folder with the images of CIFAR-10")
    parser.add_argument("--seed", type=int, default=0, help="chooses the images that are shown")
    parser.add_argument("--cache", default="runs/cache", help="folder for decoded images")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "galleries")
    options = parser.parse_args()
    start(options.seed, "float32")
    from simclr_utils.data.dataset import load_dataset
    from simclr_utils.training.pretraining import load_encoder

    dataset = load_dataset(options.source, cache_dir=options.cache)
    encoder, record = load_encoder(ROOT / ENCODER, dataset)
    figures, numbers = look(encoder, dataset, options.seed)
    chosen = np.random.default_rng(options.seed).permutation(len(dataset.validation[0]))[:9]
    figures["views"] = draw_views(dataset.validation[0][chosen], record, options.seed)
    write(options.out, figures, record, numbers, options.seed)
    print(numbers)


if __name__ == "__main__":
    main()
