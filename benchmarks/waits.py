"""How long one waits for an answer: what a study says before it begins, and what it takes.

    python benchmarks/waits.py --source FOLDER
    python benchmarks/waits.py --source FOLDER --longest 30

The first asks all presets at 32 and at 96 pixels for their estimates, and runs none of the studies.
The second also runs those that say 30 minutes or less, and adds what they took. Rows go to
results/benchmarks/waits.csv. A row that is there is not measured again; one that was only asked is
replaced once it has run.
"""

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path

import pandas as pd
from measuring import read_rows, run_alone, write_rows

from simclr_utils.session import start

PRESETS, SIZES = ("quick", "laptop", "full"), (32, 96)


def measure(preset, size, source, longest):
    """Asks a study for its estimate, and runs it if that is not too long.

    Args:
        preset: String.
        size: Integer, the height and width of the images in pixels.
        source: String, as in `load_dataset`.
        longest: Float, the longest study to run, in minutes.

    Returns:
        A row, a dict: `said` and `took` are minutes, and `took` is `None` for a study that was not
        run.
    """
    start(0)
    from simclr_utils.config import get_config
    from simclr_utils.data.dataset import load_dataset
    from simclr_utils.study import costs
    from simclr_utils.study.study import Study

    config = get_config(preset, source)
    begun = time.monotonic()
    dataset = load_dataset(source, image_size=size, limits=config.limits)
    with tempfile.TemporaryDirectory() as folder:
        study = Study(dataset, config, folder, preset, num_seeds=1)
        study.rates = costs.measure_rates(dataset, config, study.build_model)
        said, took = costs.costs(study)["minutes"], None
        asked = (time.monotonic() - begun) / 60
        if said <= longest:
            begun = time.monotonic()
            study.run(lambda line: None)
            took = round((time.monotonic() - begun) / 60, 1)
    row = {"preset": preset, "pixels": size, "data": dataset.name, "images": len(dataset.unlabeled)}
    row |= {"labels": max(study.counts), "asked": round(asked, 1)}
    return {**row, "said": round(said, 1), "took": took}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="a folder of images, or a data set's name")
    parser.add_argument("--longest", type=float, default=0.0, help="minutes; run what is shorter")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        preset, size = options.one[0], int(options.one[1])
        print(json.dumps(measure(preset, size, options.source, options.longest)))
        return
    rows, source = read_rows("waits"), ("--source", options.source)
    data = Path(options.source).name
    for preset, size in itertools.product(PRESETS, SIZES):
        key = {"preset": preset, "pixels": size, "data": data}
        known = [row for row in rows if key.items() <= row.items()]
        if known and (pd.notna(known[0]["took"]) or known[0]["said"] > options.longest):
            continue  # it has run, or it would be too long again
        more = ("--longest", options.longest, "--one", preset, size)
        rows = [row for row in rows if row not in known] + [run_alone(__file__, *source, *more)]
        write_rows("waits", rows)


if __name__ == "__main__":
    main()
