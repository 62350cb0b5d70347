"""Exports encoders to every format, and writes a table: difference, bytes, milliseconds.

python benchmarks/export_table.py data/pretrained resnet18@64 path/to/encoder.keras@96

An encoder is what `python -m simclr_utils export` takes, with @ and the size of its images where it
takes any. The name of a network of the course stands for random weights with the statistics of the
images. The table goes to results/export.csv and results/export.md.
"""

import argparse
import tempfile
from pathlib import Path

import pandas as pd
from measuring import RESULTS

from simclr_utils import files
from simclr_utils.deploy.check import TOLERANCE
from simclr_utils.deploy.export import MOST_IMAGES, export_encoder
from simclr_utils.deploy.formats import FORMATS
from simclr_utils.deploy.image_files import sample_images
from simclr_utils.deploy.ready import ReadyEncoder, open_ready
from simclr_utils.parameters import ENCODER_NAMES
from simclr_utils.reading import Reading
from simclr_utils.session import start
from simclr_utils.system.provenance import provenance_line
from simclr_utils.training.networks import as_float32, build_encoder

DEFAULTS = ("data/pretrained", "results/studies/cifar10/encoders/0", "resnet18@64")
DEFAULT_SIZE = 64  # of a network with random weights
HEADS = {"bytes": "KB", "ms_1": "ms for 1 image", "ms_32": "ms for 32 images"}
TEXT = """# Encoders in other formats

{origin}.

`python -m simclr_utils export` writes an encoder in these formats, and
`benchmarks/export_table.py` wrote this table. The features are those of {count} images of
{source}. *difference* is the largest difference of a feature from that of Keras, in units of the
largest feature: in float32 it is rounding, and more than {tolerance:.0e} is an error. *cosine* is
the mean cosine similarity of an image's features to those of Keras. Times are medians on all
cores, with the scaling of the images inside.

{table}
"""


def open_network(name, source):
    """Opens an encoder by its name, with `@` and a size; also a network with random weights.

    Args:
        name: String, as this script takes it.
        source: String, as `sample_images` takes it.

    Returns:
        A `ReadyEncoder`.
    """
    encoder, _, size = name.partition("@")
    if encoder not in ENCODER_NAMES:
        return open_ready(encoder, int(size) if size else None)
    side = int(size or DEFAULT_SIZE)
    network = build_encoder((side, side, 3), encoder)
    made = ReadyEncoder(encoder, network, (side, side, 3), Reading(), {}, None)
    images = sample_images(source, made, 64).astype("float32") / 255
    for _ in range(10):  # running statistics
        network(images, training=True)
    return made._replace(encoder=as_float32(network))


def measure(names, source, folder):
    """Exports encoders to every format.

    Args:
        names: Strings, as this script takes them.
        source: String, a folder of images or the name of a dataset.
        folder: `Path` of an empty folder for the exported encoders.

    Returns:
        A DataFrame with a row for each encoder and format.
    """
    rows = []
    for number, name in enumerate(names):
        ready = open_network(name, source)
        images = sample_images(source, ready, MOST_IMAGES)
        height, width, _ = ready.image_shape
        shown = ready.record.get("config", {}).get("encoder") or ready.name
        first = {"encoder": shown, "size": f"{height}x{width}"}
        first["features"] = ready.encoder.output_shape[-1]
        for each in export_encoder(ready, list(FORMATS), folder / str(number), images):
            row = each._asdict()
            row.pop("file")
            rows.append(first | row)
            print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def write_table(table, source, out):
    """Writes `export.csv` and `export.md`.

    Args:
        table: DataFrame, as `measure` returns it.
        source: String, the name of the images.
        out: `Path` of a folder.
    """
    files.write_text(out / "export.csv", table.to_csv(index=False))
    shown = table.copy()
    known = shown["bytes"].where(shown["bytes"] > 0)
    shown["bytes"] = [f"{size / 1000:,.0f}" if size == size else "" for size in known]
    shown["difference"] = shown["difference"].map("{:.0e}".format)
    shown["cosine"] = shown["cosine"].map("{:.4f}".format)
    for name in ("ms_1", "ms_32"):
        shown[name] = shown[name].map("{:.2f}".format)
    shown = shown.rename(columns=HEADS).astype(str)
    lines = [shown.columns, ["---"] * len(shown.columns), *shown.itertuples(index=False)]
    filled = {"origin": provenance_line(), "count": MOST_IMAGES, "source": source}
    filled |= {"tolerance": TOLERANCE}
    page = TEXT.format(table="\n".join(f"| {' | '.join(line)} |" for line in lines), **filled)
    files.write_text(out / "export.md", page)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoders", nargs="*", default=DEFAULTS)
    parser.add_argument("--source", default="glyphs")
    parser.add_argument("--out", type=Path, default=RESULTS.parent)
    options = parser.parse_args(arguments)
    start(0, "float32")
    with tempfile.TemporaryDirectory() as folder:
        table = measure(options.encoders, options.source, Path(folder))
    write_table(table, Path(options.source).name, options.out)


if __name__ == "__main__":
    main()
