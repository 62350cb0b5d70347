"""How images that are not square are fitted, the largest image, and formats that are not read."""

import importlib
import importlib.util
import io

import numpy as np
import pytest
import tifffile
from odd_files import png_header
from PIL import Image, UnidentifiedImageError

from simclr_utils.data import opening
from simclr_utils.data.dataset import load_dataset
from simclr_utils.data.decoding import decode_files, decode_image
from simclr_utils.data.opening import MAGIC, SUFFIXES, name_format, open_image
from simclr_utils.data.pictures import Trait
from simclr_utils.reading import Reading

SIZE = 16


def save_strip(path, seed=0, size=(512, 32), dtype=np.uint8):
    """A strip whose left end is bright and right end dark."""
    ramp = np.linspace(240, 10, size[0]) + np.random.default_rng(seed).uniform(-9, 9, size[::-1])
    pixels = ramp.astype(dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_folder(root, size):
    for name in "ab":
        for index in range(6):
            save_strip(root / f"train/{name}/{index}.png", ord(name) + 1000 * index, size)
    return root


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_crop_pad_and_squash(tmp_path, dtype):
    path = save_strip(tmp_path / "x.png", dtype=dtype)
    read = {
        rule: decode_image(path, SIZE, Reading(resize=rule, background="black"))
        for rule in ("crop", "pad", "squash")
    }
    crop, pad, squash = (read[rule].pixels[..., 0].astype(float) for rule in read)
    assert np.ptp(crop.mean(axis=0)) < 20  # the middle of the strip only
    assert squash[:, 0].mean() > 220 and squash[:, -1].mean() < 30
    assert pad[8, 0] > 200 and pad[8, -1] < 50
    if dtype == np.uint8:
        assert (pad[:7] == 0).all() and (pad[9:] == 0).all()
    else:
        assert (read["pad"].coverage[:7] == 0).all() and (read["pad"].coverage[8] > 0.9).all()
    assert [found.cropped for found in read.values()] == [1 - 32 / 512, 0, 0]


def test_pads_of_deep_images_take_the_background(tmp_path):
    paths = [str(save_strip(tmp_path / f"{n}.png", n, dtype=np.uint16)) for n in range(3)]
    reading = Reading(resize="pad", background="#0a141e")
    decode_files(paths, SIZE, str(tmp_path / "map"), reading)
    images = np.fromfile(tmp_path / "map", np.uint8).reshape(3, SIZE, SIZE, 3)
    assert (images[:, 0] == [10, 20, 30]).all()
    assert images[:, 8].max() > 200


def test_the_share_that_is_cropped_is_said_with_the_cure(tmp_path):
    root = write_folder(tmp_path / "f", (512, 32))
    save_strip(root / "unlabeled/0.png", 1, (320, 32))
    (note,) = (n for n in load_dataset(root, SIZE, tmp_path / "cache").notes if "lose more" in n)
    assert note.startswith("13 images lose more than 25% of their pixels to the crop")
    assert "half of them 94% or more, at most 94%" in note and "--set resize=squash" in note
    for resize, said in (("pad", "the rest filled with white"), ("squash", "Both sides scaled")):
        notes = load_dataset(root, SIZE, tmp_path / "cache", resize=resize).notes
        assert any(said in note for note in notes) and not any("lose more" in n for n in notes)


def test_pads_are_proposed_where_they_leave_most_of_the_image(tmp_path):
    notes = load_dataset(write_folder(tmp_path / "f", (64, 32)), SIZE, tmp_path / "cache").notes
    assert any("lose more" in note and "--set resize=pad" in note for note in notes)


def test_photographs_of_four_to_three_need_no_note(tmp_path):
    notes = load_dataset(write_folder(tmp_path / "f", (64, 48)), SIZE, tmp_path / "cache").notes
    assert not any("lose more" in note for note in notes)


# The largest image


def test_the_limit_of_pixels_can_be_lowered_and_raised(tmp_path):
    root = write_folder(tmp_path / "f", (40, 30))
    with pytest.raises(ValueError, match="40x30 pixels, more than max_pixels=1,000") as stop:
        load_dataset(root, SIZE, tmp_path / "cache", max_pixels=1000)
    assert "--set max_pixels=100000000" in str(stop.value)
    assert len(load_dataset(root, SIZE, tmp_path / "cache", max_pixels=1200).unlabeled) == 8


def test_an_image_beyond_pillows_limit_is_read_where_it_is_allowed(tmp_path):
    path = tmp_path / "x.jpg"
    Image.new("L", (12_000, 9_000), 77).save(path, quality=30)
    with pytest.raises(ValueError, match="12,000x9,000 pixels, more than max_pixels"):
        decode_image(path, SIZE)
    before = Image.MAX_IMAGE_PIXELS
    found = decode_image(path, SIZE, Reading(max_pixels=200_000_000))
    assert (found.pixels == 77).all() and before == Image.MAX_IMAGE_PIXELS
    path = str(path)  # in another process, too
    decoded = decode_files([path], SIZE, str(tmp_path / "map"), Reading(max_pixels=200_000_000))
    assert not decoded.refused


def test_bombs_are_refused_by_their_header(tmp_path):
    (tmp_path / "x.png").write_bytes(png_header(60_000, 60_000))
    decoded = decode_files([str(tmp_path / "x.png")], SIZE, str(tmp_path / "map"))
    ((_, reason),) = decoded.refused
    assert "bombs" in reason and "--set max_pixels=" in reason
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((200, 200, 3), np.uint16), photometric="rgb")
    with pytest.raises(ValueError, match="200x200 pixels"):
        decode_image(tmp_path / "x.tif", SIZE, Reading(max_pixels=39_999))


# Formats


@pytest.mark.parametrize("place, magic, kind", MAGIC)
def test_a_foreign_format_is_known_by_its_first_bytes(tmp_path, monkeypatch, place, magic, kind):
    monkeypatch.setattr(opening, "has_reader", lambda: False)
    path = tmp_path / "x"
    path.write_bytes(bytes(place) + magic + bytes(500))
    with pytest.raises(UnidentifiedImageError) as stop:
        decode_image(path, SIZE)
    assert str(stop.value) == kind and " " in kind


@pytest.mark.parametrize("suffix", " ".join(SUFFIXES.values()).split())
def test_a_foreign_format_is_known_by_its_name(tmp_path, suffix):
    (tmp_path / f"x{suffix.upper()}").write_bytes(bytes(99))
    with pytest.raises(UnidentifiedImageError, match="first|JPEG|damaged HEIC|lacks"):
        decode_image(tmp_path / f"x{suffix.upper()}", SIZE)


def test_what_can_be_read_is_read_whatever_it_is_called(tmp_path):
    Image.fromarray(np.zeros((SIZE, SIZE, 3), np.uint8)).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(tmp_path / "x.svg")
    assert decode_image(tmp_path / "x.svg", SIZE).pixels.shape == (SIZE, SIZE, 3)


def test_camera_raw_is_not_mistaken_for_the_preview_in_it(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((8, 8, 3), np.uint8), photometric="rgb")
    (tmp_path / "x.tif").rename(tmp_path / "x.NEF")
    with pytest.raises(UnidentifiedImageError, match="camera raw file: develop it"):
        decode_image(tmp_path / "x.NEF", SIZE)


def test_unknown_bytes_have_no_name():
    assert name_format("x", b"hello") is None and name_format("", b"") is None


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99)


def test_heic_is_named_where_its_reader_is_missing(tmp_path, monkeypatch):
    real = importlib.import_module

    def missing(name, *rest):
        if name == "pillow_heif":
            raise ImportError(name)
        return real(name, *rest)

    opening._register_heif.cache_clear()
    monkeypatch.setattr(importlib, "import_module", missing)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    for name in "ab":
        (tmp_path / f"f/train/{name}").mkdir(parents=True)
        for index in range(12):
            (tmp_path / f"f/train/{name}/{index}.HEIC").write_bytes(HEIC + bytes([index]))
    with pytest.raises(ValueError, match=r"HEIC.*pip install pillow-heif"):
        load_dataset(tmp_path / "f", cache_dir=tmp_path / "cache")
    opening._register_heif.cache_clear()


@pytest.mark.skipif(not importlib.util.find_spec("pillow_heif"), reason="needs pillow-heif")
def test_heic_is_read_where_its_reader_is_installed(tmp_path):
    import pillow_heif

    pixels = np.tile(np.linspace(20, 230, 64).astype(np.uint8)[:, None, None], (1, 64, 3))
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(tmp_path / "x.heic", quality=95)
    (tmp_path / "y.heic").write_bytes(HEIC)
    with pytest.raises(UnidentifiedImageError, match="a damaged HEIC file"):
        decode_image(tmp_path / "y.heic", 64)
    found = decode_image(tmp_path / "x.heic", 64)
    np.testing.assert_allclose(found.pixels.astype(int), pixels, atol=6)
    assert found.traits == Trait.DECODED
    with pytest.raises(ValueError, match="64x64 pixels, more than max_pixels"):
        decode_image(tmp_path / "x.heic", 64, Reading(max_pixels=4000))


def test_a_broken_file_is_never_reported_in_the_words_of_a_programmer(tmp_path, monkeypatch):
    def stumble(*arguments):
        raise TypeError("'<' not supported")

    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.uint16))
    monkeypatch.setattr(tifffile, "TiffFile", stumble)
    ((_, reason),) = decode_files([str(path)], SIZE, str(tmp_path / "map")).refused
    assert reason.startswith("damaged file (")


def test_headers_alone_give_the_size(tmp_path, monkeypatch):
    content = io.BytesIO()
    Image.new("RGB", (30, 20)).save(content, "PNG")
    (tmp_path / "x.png").write_bytes(content.getvalue()[:60])  # no pixel left
    with open_image(tmp_path / "x.png") as image:
        assert image.size == (30, 20)


def test_a_dataset_says_how_its_files_were_brought_to_arrays(tmp_path):
    root = write_folder(tmp_path / "f", (40, 20))
    dataset = load_dataset(root, SIZE, tmp_path / "cache", resize="pad", background="#808080")
    expected = {"resize": "pad", "background": "#808080", "value_range": None}
    assert dataset.decoding == expected
    again = load_dataset(root, SIZE, tmp_path / "cache", resize="pad", background="#808080")
    assert again.decoding == expected  # from the cache
