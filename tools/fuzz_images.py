"""Mutates image files and decodes them as the loader does, in processes that may die.

python tools/fuzz_images.py --files 20000
"""

import argparse
import collections
import concurrent.futures
import io
import multiprocessing
import random
import time
from concurrent.futures.process import BrokenProcessPool

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from simclr_utils.data.decoding import decode_image
from simclr_utils.data.opening import FORMATS, quiet
from simclr_utils.system.processor import available_cores

SIZE = 16
FILES_PER_TASK = 250


def seed_files():
    """Returns an image in every format, in every mode that the format takes: a list of bytes."""
    random_pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 4), dtype=np.uint8)
    smooth = np.add.outer(np.arange(24), np.arange(20)).astype(np.uint8) * 5
    color = Image.fromarray(random_pixels[..., :3])
    images = [color, Image.fromarray(smooth), Image.fromarray(random_pixels, "RGBA")]
    images += [color.quantize(16), color.convert("1"), color.convert("CMYK")]
    images += [Image.fromarray(smooth.astype(np.uint16) * 250), color.convert("LAB")]
    found = []
    for kind in FORMATS:
        for image in images:
            for options in ({}, {"save_all": True, "append_images": [image]}):
                file = io.BytesIO()
                try:
                    image.save(file, kind, **options)
                except (OSError, KeyError, ValueError, TypeError):
                    continue  # not every format holds every mode
                found.append(file.getvalue())
    return list(dict.fromkeys(found))


def deep_files():
    """Returns images of more than 8 bits, or with channels and pages that Pillow cannot write."""
    random = np.random.default_rng(0)
    shorts = random.integers(0, 65536, (24, 20, 5), dtype=np.uint16)
    found = [imagecodecs.png_encode(shorts[..., :channels].copy()) for channels in (2, 3, 4)]
    found.append(imagecodecs.jpeg2k_encode(shorts[..., :3].copy(), level=0))
    found.append(b"P6 20 24 4095\n" + (shorts[..., :3] >> 4).astype(">u2").tobytes())
    color, nir = {"photometric": "rgb"}, {"photometric": "rgb", "extrasamples": ["unassalpha"]}
    pages = shorts.transpose(2, 0, 1).copy()
    for values, options in (
        (shorts[..., :3], color),
        (shorts[..., :3], {**color, "compression": "lzw", "predictor": True}),
        (shorts[..., :4], nir),
        (shorts[..., :4].astype(np.uint8), nir),
        (shorts[..., :3].astype(np.float32), {**color, "compression": "zlib"}),
        (shorts[..., 0].astype(np.float64), {}),
        (shorts[..., 0], {"photometric": "miniswhite", "tile": (16, 16)}),
        (shorts, {"photometric": "minisblack", "planarconfig": "contig"}),
        (pages, {"photometric": "minisblack"}),
        (pages, {"photometric": "minisblack", "volumetric": True}),
    ):
        file = io.BytesIO()
        tifffile.imwrite(file, values, **options)
        found.append(file.getvalue())
    return found


def mutate(content, rng):
    """Applies one to four random mutations.

    A mutation flips a bit, sets a byte, cuts the end, doubles, removes or zeroes a piece, or writes
    an extreme number over four bytes.

    Args:
        content: Bytes of a file.
        rng: `random.Random`, which draws the mutations.

    Returns:
        The bytes of the mutated file.
    """
    content = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        if not content:
            break
        place = rng.randrange(len(content))
        if rng.random() < 0.5:  # the header decides most
            place = min(place, rng.randrange(1, 80), len(content) - 1)
        length = rng.randint(1, 40)
        change = rng.randrange(7)
        if change == 0:
            content[place] ^= 1 << rng.randrange(8)
        elif change == 1:
            content[place] = rng.choice((0, 1, 127, 128, 254, 255))
        elif change == 2:
            del content[place:]
        elif change == 3:
            content[place:place] = content[place : place + length]
        elif change == 4:
            del content[place : place + length]
        elif change == 5:
            content[place : place + length] = bytes(len(content[place : place + length]))
        else:
            extreme = rng.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
            word = extreme.to_bytes(4, rng.choice(("big", "little")))
            content[place : place + 4] = word
    return bytes(content)


def decode_task(task):
    """Decodes mutated files as the loader does.

    Args:
        task: Pair of integers, the seed of the first file and the number of files.

    Returns:
        A dict with `read`, a count; `refused`, a `Counter` of exceptions; `wrong`, a list of
        results of another form; and `slowest`, a pair of seconds and seed.
    """
    first, count = task
    files = seed_files() + deep_files()
    found = {"read": 0, "refused": collections.Counter(), "wrong": [], "slowest": (0.0, first)}
    with quiet():
        for seed in range(first, first + count):
            rng = random.Random(seed)
            content = mutate(rng.choice(files), rng)
            started = time.perf_counter()
            try:
                pixels, *_ = decode_image(io.BytesIO(content), SIZE)
                found["read"] += 1
                good = pixels.dtype in (np.uint8, np.float32) and np.isfinite(pixels).all()
                if not good or pixels.shape[:2] != (SIZE, SIZE) or pixels.shape[2] not in (1, 3):
                    found["wrong"].append(f"file {seed}: {pixels.dtype} {pixels.shape}")
            except Exception as error:  # what the loader lists as a refusal
                found["refused"][type(error).__name__] += 1
            found["slowest"] = max(found["slowest"], (time.perf_counter() - started, seed))
    return found


def fuzz(num_files, work=decode_task):
    """Decodes mutated files.

    Args:
        num_files: Integer, the number of mutated files.
        work: Function of a task, such as `decode_task`.

    Returns:
        A dict with the entries of `decode_task` for all files, and two more: `files`, the number
        of results, and `crashes`, the number of tasks in which the process died.
    """
    starts = range(0, num_files, FILES_PER_TASK)
    tasks = [(start, min(FILES_PER_TASK, num_files - start)) for start in starts]
    parts, left = work_through(tasks, work)
    crashes = []
    for task in left:  # a process died: try each task alone to find the one to blame
        part, crashed = work_through([task], work)
        parts, crashes = parts + part, crashes + crashed
    return {
        "files": sum(part["read"] + sum(part["refused"].values()) for part in parts),
        "read": sum(part["read"] for part in parts),
        "refused": sum((part["refused"] for part in parts), collections.Counter()),
        "wrong": [line for part in parts for line in part["wrong"]]
        + [f"process died in {count} files from {first}" for first, count in crashes],
        "slowest": max(part["slowest"] for part in parts),
        "crashes": len(crashes),
    }


def work_through(tasks, work):
    """Returns the results of the tasks that ended, and the tasks lost because a process died."""
    context = multiprocessing.get_context("spawn")
    parts, left = [], []
    with concurrent.futures.ProcessPoolExecutor(available_cores(), context) as pool:
        futures = [pool.submit(work, task) for task in tasks]
        for task, future in zip(tasks, futures, strict=True):
            try:
                parts.append(future.result())
            except BrokenProcessPool:
                left.append(task)
    return parts, left


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    found = fuzz(parser.parse_args().files)
    print({**found, "refused": dict(found["refused"].most_common())})


if __name__ == "__main__":
    main()
