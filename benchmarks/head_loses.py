"""Measures what the projection head throws away.

python benchmarks/head_loses.py transformations data/pretrained
python benchmarks/head_loses.py transformations results/studies/cifar10/encoders/? --source FOLDER
python benchmarks/head_loses.py factors --source shapes --seeds 3
python benchmarks/head_loses.py figures

The first two predict the transformation of an image from features and from projections, as in
table 3 of the paper, with a linear probe and with a small network. The images are test images,
which no encoder was pretrained on; no label is read. The third pretrains with several recipes of
views, and measures which known factor each encoder keeps, besides the transformations. Each
pretraining has its own process and takes one to two minutes on two cores. The last draws the
figures from the rows.

The rows are in results/ablations/head_transformations.csv and results/ablations/head_factors.csv.
The same command continues a measurement that was stopped.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
from measuring import run_alone, write_rows

from simclr_utils import files
from simclr_utils.session import start

FOLDER = Path(__file__).resolve().parent.parent / "results" / "ablations"
TABLES = {"transformations": "head_transformations", "factors": "head_factors"}
CROP, COLOR = {"crop": 0.6}, {"color_jitter": 1.0, "grayscale": 1.0}
RANDOM = "random encoder"
RECIPES = {
    RANDOM: None,
    "crop": CROP,
    "color": COLOR,
    "crop + color": CROP | COLOR,
    "crop + color + flip": CROP | COLOR | {"flip": 1.0},
    "crop + color + rotation": CROP | COLOR | {"rotation": 1.0},
    "crop + color + noise": CROP | COLOR | {"noise": 1.0},
    "crop + color + Sobel": CROP | COLOR | {"sobel": 1.0},
}
KEYS = ["dataset", "recipe", "seed", "steps", "images"]


def read_table(name):
    """Returns the rows of `results/ablations/<name>.csv` as dicts, or an empty list."""
    path = FOLDER / f"{name}.csv"
    return pd.read_csv(path).to_dict("records") if path.exists() else []


def is_known(rows, key):
    """Returns whether a row has all the values of a key, a dict."""
    return any(key.items() <= row.items() for row in rows)


def append(name, key, table):
    """Adds a DataFrame to the rows of a table; `key` says what was measured.

    Rows of the same key, which a stopped measurement may have left, are replaced.
    """
    others = [row for row in read_table(name) if not key.items() <= row.items()]
    rows = [{**key, **row} for row in table.round(4).to_dict("records")]
    write_rows(name, [*others, *rows], FOLDER)


def transformation_rows(encoder, head, images, operations):
    """Measures the transformations with both probes.

    Args:
        encoder: `keras.Model`, images -> features.
        head: `keras.Model`, features -> projections.
        images: Uint8 array `[N, H, W, C]`.
        operations: Collection of the names of the operations on views, or `None`.

    Returns:
        A DataFrame as `predict_transformations` returns it, with two more columns: `probe`, and
        `varied`, whether the views vary the transformation.
    """
    from simclr_utils.evaluation import (
        TRANSFORMATIONS,
        fit_linear_probe,
        fit_mlp,
        predict_transformations,
    )

    probes = {"linear": fit_linear_probe, "mlp": fit_mlp}
    tables = [
        predict_transformations(encoder, head, images, fit=fit).assign(probe=probe)
        for probe, fit in probes.items()
    ]
    pairs = TRANSFORMATIONS.items()
    varied = [name for name, each in pairs if set(each.operations) & set(operations or ())]
    table = pd.concat(tables)
    return table.assign(varied=table["transformation"].isin(varied))


def measure_folder(folder, dataset, num_images):
    """Measures the transformations for a stored encoder, unless its rows are there.

    Args:
        folder: Path of an encoder and its projection head.
        dataset: `Dataset` that it was pretrained on.
        num_images: Integer, the largest number of test images.
    """
    import keras

    from simclr_utils.training.pretraining import load_encoder

    encoder, record = load_encoder(folder, dataset)
    operations = [name for name, _ in record["config"]["operations"]]
    images = dataset.test[0][:num_images]
    values = (dataset.name, " + ".join(operations), record["seed"], record["steps"])
    key = dict(zip(KEYS, (*values, len(images)), strict=True))
    if is_known(read_table(TABLES["transformations"]), key):
        return
    head = keras.saving.load_model(Path(folder) / "projection_head.keras", compile=False)
    table = transformation_rows(encoder, head, images, operations)
    append(TABLES["transformations"], key, table.assign(minutes=record["minutes"]))


def measure_recipe(source, recipe, seed, steps, num_images):
    """Pretrains with a recipe, and measures transformations and factors.

    Args:
        source: String, "shapes" or "glyphs".
        recipe: String, a key of `RECIPES`. The random encoder is not trained.
        seed: Integer, the seed of the pretraining.
        steps: Integer, the length of the pretraining.
        num_images: Integer, the images that are drawn for the measurement.

    Returns:
        A dict from the keys of `TABLES` to lists of rows, and `minutes`.
    """
    start(seed)
    from simclr_utils import get_config, load_dataset, pretrain
    from simclr_utils.data import render_known_factors
    from simclr_utils.evaluation import factor_table

    overrides = {"pretraining_steps": steps, "operations": RECIPES[recipe]}
    config = get_config("quick", source, **overrides)
    images, factors, periods = render_known_factors(source, num_images)
    if recipe == RANDOM:
        encoder, head = random_networks(images.shape[1:], config, seed)
        minutes = 0.0
    else:
        done = pretrain(load_dataset(source, limits=config.limits), config, seed)
        encoder, head, minutes = done.encoder, done.projection_head, done.details["minutes"]
    pixels = recipe == RANDOM and seed == 0  # they are the same for every seed
    found = factor_table([(recipe, encoder, head)], images, factors, periods, pixels)
    transformations = transformation_rows(encoder, head, images, RECIPES[recipe])
    tables = {"transformations": transformations, "factors": found}
    rows = {name: table.to_dict("records") for name, table in tables.items()}
    return rows | {"minutes": minutes}


def random_networks(image_shape, config, seed):
    """Returns an encoder and a projection head with random weights."""
    import keras

    from simclr_utils.training.networks import as_float32
    from simclr_utils.training.pretraining import build_model

    keras.utils.set_random_seed(seed)
    model = build_model(image_shape, config, seed)
    return as_float32(model.encoder), as_float32(model.projection_head)


def measure_recipes(options):
    """Measures every recipe and seed that has no rows yet, each in its own process."""
    asked = ["--source", options.source, "--steps", options.steps, "--images", options.images]
    for seed in range(options.seeds):
        for recipe in RECIPES:
            steps = 0 if recipe == RANDOM else options.steps
            values = (options.source, recipe, seed, steps, options.images)
            key = dict(zip(KEYS, values, strict=True))
            if is_known(read_table(TABLES["factors"]), key):
                continue
            found = run_alone(__file__, "factors", *asked, "--one", recipe, seed)
            for name, table in TABLES.items():  # the factors last: they say that all is there
                rows = pd.DataFrame(found[name])
                append(table, key, rows.assign(minutes=found["minutes"]))


def measure_folders(options):
    """Measures the stored encoders that were given, all of one dataset."""
    start(0, "float32")
    from simclr_utils import load_dataset

    made = files.load_json(options.encoders[0] / "encoder.json")
    source, limits = options.source or made["dataset"], made["config"].get("limits")
    dataset = load_dataset(source, cache_dir=options.cache, limits=limits)
    for folder in options.encoders:
        measure_folder(folder, dataset, options.images)


def draw_figures():
    """Draws the figures of all rows into `results/ablations/`."""
    from simclr_utils.evaluation import changed_factors
    from simclr_utils.plotting import plot_factor_table, to_png

    drawings, frame = {}, pd.DataFrame(read_table(TABLES["transformations"]))
    if not len(frame):
        raise SystemExit(f"There are no rows in {FOLDER}: measure the transformations first.")
    for (dataset, probe), rows in frame.groupby(["dataset", "probe"]):
        ours = rows["recipe"].isin(RECIPES)
        name = f"head_transformations_{dataset}_{probe}"
        for (recipe, steps), part in rows[~ours].groupby(["recipe", "steps"]):
            title = f"{dataset}: telling the transformation. Views: {recipe.replace('_', ' ')}"
            drawings[f"{name}_{steps}_steps"] = draw_stored(part, title)
        if ours.any():
            drawings[f"{name}_recipes"] = draw_recipes(rows[ours], dataset)
    changed = {name: changed_factors(each or ()) for name, each in RECIPES.items()}
    frame = pd.DataFrame(read_table(TABLES["factors"]))
    for dataset, rows in frame.groupby("dataset") if len(frame) else ():
        title = f"{dataset}: which factor survives which views?"
        drawings[f"head_factors_{dataset}"] = plot_factor_table(rows, title, changed)
    for name, drawing in drawings.items():
        files.write_bytes(FOLDER / f"{name}.png", to_png(drawing))


def draw_stored(rows, title):
    """Returns a figure of the transformations for stored encoders that had the same views."""
    from simclr_utils.plotting import plot_transformations

    return plot_transformations(rows, title, set(rows["transformation"][rows["varied"]]))


def draw_recipes(rows, dataset):
    """Returns a figure of transformation by recipe, in the form of a factor table."""
    from simclr_utils.plotting import plot_factor_table

    skill = (rows["accuracy"] - rows["chance"]) / (1 - rows["chance"])
    table = rows.assign(skill=skill.clip(0, 1))
    table = table.rename(columns={"transformation": "factor", "recipe": "encoder"})
    varied = rows[rows["varied"]].groupby("recipe")["transformation"].agg(set).to_dict()
    return plot_factor_table(table, f"{dataset}: which transformation is told apart?", varied)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["transformations", "factors", "figures"])
    parser.add_argument("encoders", type=Path, nargs="*", help="folders of encoders")
    parser.add_argument("--source", help="as in load_dataset")
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--cache", default="runs/cache", help="folder for decoded images")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "figures":
        draw_figures()
    elif options.one:
        recipe, seed = options.one
        sizes = (options.steps, options.images)
        print(json.dumps(measure_recipe(options.source, recipe, int(seed), *sizes)))
    elif options.what == "factors":
        options.source = options.source or "shapes"
        measure_recipes(options)
    else:
        measure_folders(options)


if __name__ == "__main__":
    main()
