"""Files of features: the name of each image beside its features, in Parquet, NumPy or CSV.

They are written part by part, so that the features of many images need not fit into memory.
"""

import contextlib
import importlib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from simclr_utils.files import atomic_path
from simclr_utils.places import user_path

SUFFIXES = (".parquet", ".npz", ".csv")
NAME_COLUMN = "file"
Parts = Iterable[tuple[Sequence[str], np.ndarray]]


class FeatureFileError(ValueError):
    """A file of features cannot be written or read; the message says what to do."""


def check_target(path: str | Path, overwrite: bool = False) -> Path:
    """Checks that a file of features can be written.

    Args:
        path: Path of the file. Its suffix decides the format.
        overwrite: Boolean, whether the file may exist.

    Returns:
        A `Path`.

    Raises:
        FeatureFileError: If the suffix is unknown, a library is missing, or the file exists.
    """
    path = user_path(path)
    if path.suffix not in SUFFIXES:
        raise FeatureFileError(
            f"{path.name} has an unknown format. Choose a name that ends in {', '.join(SUFFIXES)}."
        )
    if path.suffix == ".parquet":
        _pyarrow()
    there = [each for each in (path, record_path(path)) if each.exists()]
    if there and not overwrite:
        raise FeatureFileError(f"{there[0]} exists. Choose another name, or add --overwrite.")
    return path


def record_path(path: Path) -> Path:
    """Returns the path of the record beside a file of features: its name and `.json`.

    Args:
        path: `Path` of the file of features.
    """
    return path.with_name(f"{path.name}.json")


def write_features(path: str | Path, parts: Parts, feature_dim: int) -> int:
    """Writes features part by part, completely or not at all.

    Args:
        path: Path of a file that ends in `.parquet`, `.npz` or `.csv`.
        parts: Iterable of pairs: names of N images, and a float32 array `[N, D]`.
        feature_dim: Integer, the number of features D.

    Returns:
        The number of images, an integer.

    Raises:
        FeatureFileError: As in `check_target`.

    Example:

    >>> write_features("features.npz", [(["a.png"], np.zeros((1, 4), "float32"))], 4)
    1
    """
    path, count = check_target(path, overwrite=True), 0
    write = {".parquet": _parquet, ".npz": _npz, ".csv": _csv}[path.suffix]
    with atomic_path(path) as temporary, write(temporary, feature_dim) as add:
        for names, features in parts:
            add(list(names), np.ascontiguousarray(features, np.float32))
            count += len(names)
    return count


def read_features(path: str | Path) -> tuple[list[str], np.ndarray]:
    """Reads a file of features into memory.

    Args:
        path: Path of a file that `write_features` wrote.

    Returns:
        A pair: a list of N names, and a float32 array `[N, D]`.

    Raises:
        FeatureFileError: If there is no such file, or it is of another kind.
    """
    path = user_path(path)
    if not path.is_file() or path.suffix not in SUFFIXES:
        raise FeatureFileError(
            f"There is no file of features {str(path)!r}. Make one with python -m simclr_utils "
            "embed FOLDER --encoder ENCODER --out features.npz."
        )
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                return stored["files"].tolist(), stored["features"]
        if path.suffix == ".parquet":
            table = importlib.import_module("pyarrow.parquet").read_table(path)
            columns = [table[name].to_numpy() for name in table.column_names[1:]]
            return table[NAME_COLUMN].to_pylist(), np.stack(columns, axis=1)
        table = pd.read_csv(path, dtype={NAME_COLUMN: str}, keep_default_na=False)
        return table.pop(NAME_COLUMN).tolist(), table.to_numpy(np.float32)
    except ImportError:
        _pyarrow()
        raise
    except Exception as error:  # another file of that suffix
        raise FeatureFileError(
            f"{path.name} is not a file of features: {error}. Make one with python -m simclr_utils "
            "embed."
        ) from error


def columns(feature_dim: int) -> list[str]:
    """Returns the names of the columns of features: `f0`, `f1` and so on.

    Args:
        feature_dim: Integer, how many.
    """
    return [f"f{number}" for number in range(feature_dim)]


@contextlib.contextmanager
def _parquet(path, feature_dim):
    pyarrow = _pyarrow()
    numbers = [(name, pyarrow.float32()) for name in columns(feature_dim)]
    schema = pyarrow.schema([(NAME_COLUMN, pyarrow.string()), *numbers])

    with pyarrow.parquet.ParquetWriter(path, schema) as writer:

        def add(names, features):
            arrays = [pyarrow.array(names, pyarrow.string()), *map(pyarrow.array, features.T)]
            writer.write_table(pyarrow.table(arrays, schema=schema))

        yield add


@contextlib.contextmanager
def _csv(path, feature_dim):
    head = [NAME_COLUMN, *columns(feature_dim)]
    with open(path, "w", encoding="utf-8", newline="") as file:
        pd.DataFrame(columns=head).to_csv(file, index=False)

        def add(names, features):
            table = pd.DataFrame(features, columns=head[1:])
            table.insert(0, NAME_COLUMN, names)
            table.to_csv(file, index=False, header=False)

        yield add


@contextlib.contextmanager
def _npz(path, feature_dim):
    """The features wait in a file of their own, because their number stands at the front."""
    kept, raw = [], path.with_suffix(".raw")
    with open(raw, "wb") as file:

        def add(names, features):
            kept.extend(names)
            file.write(features.tobytes())

        yield add
    shape = (len(kept), feature_dim)
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        with archive.open("files.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, np.array(kept, dtype=str), allow_pickle=False)
        with archive.open("features.npy", "w", force_zip64=True) as member:
            head = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, head)
            for block in _blocks(raw):
                member.write(block)
    raw.unlink()


def _blocks(path, size=2**20) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while block := file.read(size):
            yield block


def _pyarrow():
    """Returns the library that reads and writes Parquet.

    Raises:
        FeatureFileError: If it is not installed.
    """
    try:
        importlib.import_module("pyarrow.parquet")
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise FeatureFileError(
            "Parquet needs the library pyarrow, which is not installed: pip install pyarrow. Or "
            "choose a name that ends in .npz or .csv."
        ) from error
