"""Images of more than 8 bits: one range for the whole set, from the images for pretraining."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from simclr_utils.data import decoding
from simclr_utils.data.dataset import load_dataset
from simclr_utils.data.decoding import decode_files, decode_image
from simclr_utils.data.deep import find_range
from simclr_utils.data.pictures import Trait
from simclr_utils.reading import Reading

SIZE = 16


def picture(seed, channels=1):
    """Soft noise around a brightness of its own: uint8 `[16, 16, channels]`, some 30 to 220."""
    random = np.random.default_rng(seed)
    around = random.uniform(90, 160)
    return random.normal(around, 25, (SIZE, SIZE, channels)).clip(0, 255).astype(np.uint8)


def write(path, values):
    """Writes a PNG or TIFF of any depth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.ascontiguousarray(values[..., 0] if values.shape[-1] == 1 else values)
    if path.suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(values))
    else:
        kind = "minisblack" if values.ndim == 2 else "rgb"
        tifffile.imwrite(path, values, photometric=kind)
    return str(path)


def write_set(folder, change, suffix=".png", channels=1, count=30):
    folder.mkdir(exist_ok=True)
    return [
        write(folder / f"{seed:03d}{suffix}", change(picture(seed, channels)))
        for seed in range(count)
    ]


def decode(paths, map_path, reading=None, num_pool=None):
    """Returns the images `[N, 16, 16, 3]` as float, and what `decode_files` says."""
    decoded = decode_files(paths, SIZE, str(map_path), reading or Reading(), num_pool)
    images = np.fromfile(map_path, np.uint8).reshape(len(paths), SIZE, SIZE, 3)
    return images.astype(float), decoded


def write_folder(root, change, suffix=".png", channels=1):
    seed = 0
    for part, count in (("unlabeled", 10), ("train/a", 10), ("train/b", 10), ("test/a", 5)):
        for index in range(count):
            seed += 1
            write(root / part / f"{index}{suffix}", change(picture(seed, channels)))
    return root


def load(root, **options):
    return load_dataset(root, SIZE, root.parent / "cache", **options)


CHANGES = {
    "thermal": (lambda p: 51_600 + p.astype(np.uint16), ".png", 1),
    "12 of 16 bits": (lambda p: 16 * p.astype(np.uint16), ".png", 1),
    "8 of 16 bits": (lambda p: p.astype(np.uint16), ".tif", 1),
    "16-bit color": (lambda p: 1000 + 2 * p.astype(np.uint16), ".png", 3),
    "16-bit color TIFF": (lambda p: 1000 + 2 * p.astype(np.uint16), ".tif", 3),
    "reflectance": (lambda p: (0.1 + p / 2550).astype(np.float32), ".tif", 3),
    "64-bit floats": (lambda p: p / 1e6, ".tif", 1),
    "signed, with an offset": (lambda p: p.astype(np.int16) - 1024, ".tif", 1),
    "32-bit integers": (lambda p: 1_000_000 + 10 * p.astype(np.uint32), ".tif", 1),
    "signed 32-bit integers": (lambda p: 9 * p.astype(np.int32) - 800, ".tif", 3),
}


@pytest.mark.parametrize("name", CHANGES)
def test_any_depth_gives_the_picture_of_8_bits_but_for_a_stretch(tmp_path, name):
    change, suffix, channels = CHANGES[name]
    plain, _ = decode(write_set(tmp_path / "8", lambda p: p, channels=channels), tmp_path / "map8")
    paths = write_set(tmp_path / "deep", change, suffix, channels)
    deep, decoded = decode(paths, tmp_path / "map")
    assert not decoded.refused and (decoded.traits & Trait.DEEP > 0).all()
    inside = (deep > 0) & (deep < 255)
    assert inside.mean() > 0.95
    slope, offset = np.polyfit(plain[inside], deep[inside], 1)
    assert slope > 1  # the levels that nothing uses are gained
    np.testing.assert_allclose(deep[inside], slope * plain[inside] + offset, atol=1.01)
    assert not list(tmp_path.glob("*.deep"))


@settings(derandomize=True, deadline=None, max_examples=25)
@given(gain=st.integers(1, 200), offset=st.integers(0, 14_000), channels=st.sampled_from((1, 3)))
def test_gain_and_offset_make_no_difference(tmp_path_factory, gain, offset, channels):
    folder = tmp_path_factory.mktemp("gain")
    one, other = (
        decode(write_set(folder / name, change, channels=channels, count=5), folder / f"{name}.map")
        for name, change in (
            ("one", lambda p: p.astype(np.uint16)),
            ("other", lambda p: offset + gain * p.astype(np.uint16)),
        )
    )
    np.testing.assert_allclose(one[0], other[0], atol=1)


def test_brightness_stays_comparable_between_files(tmp_path):
    paths = write_set(tmp_path / "f", lambda p: 2000 + p.astype(np.uint16) * 4)
    images, _ = decode(paths, tmp_path / "map")
    means = [picture(seed).mean() for seed in range(30)]
    assert np.corrcoef(means, images.mean(axis=(1, 2, 3)))[0, 1] > 0.999


def test_one_bright_file_does_not_darken_the_others_and_is_counted(tmp_path):
    root = write_folder(tmp_path / "f", lambda p: p.astype(np.uint16) * 16)
    expected = load(root).unlabeled
    write(root / "unlabeled/0.png", picture(999).astype(np.uint16) * 257)
    dataset = load(root)
    difference = dataset.unlabeled[1:].astype(float) - expected[1:]
    assert np.abs(difference).max() < 12 and dataset.unlabeled[0].mean() > 250
    assert any("1 of these images have more than 10%" in note for note in dataset.notes)


def test_a_few_bright_files_that_do_darken_the_others_are_said(tmp_path):
    root = write_folder(tmp_path / "f", lambda p: p.astype(np.uint16))
    for index in range(4):
        write(root / f"unlabeled/{index}.png", picture(index).astype(np.uint16) * 257)
    (note,) = (note for note in load(root).notes if "little contrast" in note)
    low, high = (
        float(number) for number in note.split("value_range=(")[1].split(")")[0].split(",")
    )
    assert 0 < low < 100 and 150 < high < 256
    assert load(root, value_range=(low, high)).unlabeled.std() > 40


def test_the_range_comes_from_the_images_for_pretraining_only(tmp_path):
    root = write_folder(tmp_path / "f", lambda p: p.astype(np.uint16))
    before = load(root)
    for index in range(5):
        write(root / f"test/a/{index}.png", 1000 + picture(index).astype(np.uint16))
    after = load(root)
    np.testing.assert_array_equal(before.unlabeled, after.unlabeled)
    assert (after.test[0] == 255).all()


def test_a_set_whose_test_images_alone_are_deep_says_so(tmp_path):
    root = write_folder(tmp_path / "f", lambda p: p)
    for index in range(5):
        write(root / f"test/a/{index}.png", 1000 + picture(index).astype(np.uint16))
    assert any("images of all splits, because" in note for note in load(root).notes)


def test_notes_say_the_range_and_how_to_set_it(tmp_path):
    root = write_folder(tmp_path / "f", lambda p: 51_600 + p.astype(np.uint16))
    said = " ".join(load(root).notes)
    assert "35 images of more than 8 bits (integer values) were rescaled, all alike: 516" in said
    assert "images of unlabeled and train" in said and "--set value_range=516" in said
    chosen = load(root, value_range=(51_600, 51_855))
    said = " ".join(chosen.notes)
    assert "51600 became 0 and 51855 became 255." in said and "images of unlabeled" not in said
    np.testing.assert_array_equal(chosen.unlabeled[0], picture(1))


def test_8_bit_files_among_deep_ones_keep_their_values_and_it_is_said(tmp_path):
    root = write_folder(tmp_path / "f", lambda p: 51_600 + p.astype(np.uint16))
    write(root / "unlabeled/0.png", picture(5))
    write(root / "unlabeled/1.tif", (picture(6) / 255).astype(np.float32))
    dataset = load(root)
    np.testing.assert_array_equal(dataset.unlabeled[0], picture(5))
    said = " ".join(dataset.notes)
    assert "1 images have 8 bits and keep their values" in said
    assert "35 rescaled ones" in said and "(floating-point values)" in said


def test_the_number_of_workers_changes_nothing(tmp_path, monkeypatch):
    paths = write_set(tmp_path / "f", lambda p: 300 + 3 * p.astype(np.uint16), channels=3)
    paths[4:6] = write_set(tmp_path / "g", lambda p: p / 7, ".tif", count=2)
    paths[9] = write(tmp_path / "h.png", picture(9))
    monkeypatch.setattr(decoding, "FILES_PER_TASK", 4)
    monkeypatch.setattr(decoding, "available_cores", lambda: 2)
    found = []
    for files_for_a_pool in (100, 1):
        monkeypatch.setattr(decoding, "FILES_FOR_A_POOL", files_for_a_pool)
        images, decoded = decode(paths, tmp_path / "map", num_pool=20)
        found.append((images.tobytes(), decoded.traits.tolist(), decoded.ranges))
    assert found[0] == found[1] and len(found[0][2]) == 2


def test_missing_values_take_the_background_and_are_counted(tmp_path):
    def with_holes(pixels):
        values = pixels.astype(np.float32)
        values[0, :4], values[1, :4], values[2, :4] = np.nan, np.inf, -np.inf
        return values

    root = write_folder(tmp_path / "f", with_holes, ".tif")
    dataset = load(root, background="black")
    assert (dataset.unlabeled[0][:3, :4] == 0).all() and dataset.unlabeled[0].mean() > 60
    assert "35 images have pixels without a value" in " ".join(dataset.notes)
    values = picture(1).astype(np.float32)[..., 0]
    values[0, :4] = -9999
    tifffile.imwrite(tmp_path / "x.tif", values, extratags=[(42113, "s", 0, "-9999", True)])
    found = decode_image(tmp_path / "x.tif", SIZE)
    assert Trait.MISSING in found.traits and (found.coverage[0, :4] == 0).all()
    assert found.span[0] > 0


def test_what_is_missing_does_not_color_its_neighbors(tmp_path):
    values = np.full((64, 64), 5000, np.float32)
    values[:, :30] = np.nan
    tifffile.imwrite(tmp_path / "x.tif", values)
    found = decode_image(tmp_path / "x.tif", SIZE)
    np.testing.assert_allclose(found.pixels, 5000, rtol=1e-5)
    assert 0 < found.coverage[0, 7] < 1


def test_an_image_without_a_value_is_refused(tmp_path):
    path = write(tmp_path / "x.tif", np.full((SIZE, SIZE, 1), np.nan, np.float32))
    with pytest.raises(ValueError, match="no pixel has a value"):
        decode_image(path, SIZE)
    path = write(tmp_path / "y.tif", np.ones((SIZE, SIZE, 1), np.complex64))
    with pytest.raises(ValueError, match="complex64"):
        decode_image(path, SIZE)


def test_every_format_of_16_bits_keeps_them(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (SIZE, SIZE, 3), dtype=np.uint16)
    raw = values.astype(">u2").tobytes()
    plain = " ".join(map(str, values.reshape(-1))).encode()
    for content in (
        imagecodecs.png_encode(values),
        imagecodecs.jpeg2k_encode(values, level=0, reversible=True),
        b"P6 16 16 4095\n" + raw,
        b"P3 16 16 4095\n" + plain,
    ):
        found = decode_image(io.BytesIO(content), SIZE)
        np.testing.assert_array_equal(found.pixels, values)
    gray = values[..., 0].copy()
    for content in (
        imagecodecs.png_encode(gray),
        b"P5 16 16 4095\n" + gray.astype(">u2").tobytes(),
        b"P2 16 16 4095\n" + " ".join(map(str, gray.reshape(-1))).encode(),
    ):
        found = decode_image(io.BytesIO(content), SIZE)
        np.testing.assert_array_equal(found.pixels[..., 0], gray)


def test_white_is_zero_is_turned_in_every_depth(tmp_path):
    ramp = np.arange(256).reshape(16, 16)
    for values, full in ((ramp.astype(np.uint8), 255), (ramp.astype(np.uint16), 65535)):
        tifffile.imwrite(tmp_path / "x.tif", values, photometric="miniswhite")
        found = decode_image(tmp_path / "x.tif", SIZE)
        np.testing.assert_array_equal(found.pixels[..., 0], full - values.astype(float))


def test_orientation_and_scaling_hold_for_16_bits(tmp_path):
    upright = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32) + 40_000
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(upright).copy()).save(tmp_path / "x.png", exif=exif)
    tifffile.imwrite(tmp_path / "x.tif", np.rot90(upright).copy(), extratags=[(274, 3, 1, 6, True)])
    for name in ("x.png", "x.tif"):
        pixels = decode_image(tmp_path / name, 32).pixels[..., 0]
        np.testing.assert_array_equal(pixels, upright)
        small = decode_image(tmp_path / name, 8).pixels[..., 0]
        blocks = upright.reshape(8, 4, 8, 4).mean(axis=(1, 3))
        np.testing.assert_allclose(small[1:-1, 1:-1], blocks[1:-1, 1:-1], atol=4)


def test_opacity_of_16_bits_lets_the_background_through(tmp_path):
    values = np.full((SIZE, SIZE, 4), 3000, np.uint16)
    values[:8, :, :3] = 1000
    values[..., 3], values[:, 8:, 3] = 65535, 0
    write(tmp_path / "x.png", values)
    images, _ = decode([str(tmp_path / "x.png")], tmp_path / "map", Reading(background="#102030"))
    assert images[0, 0, 15].tolist() == [16, 32, 48]
    assert images[0, 0, 0].tolist() == [0, 0, 0] and images[0, 15, 0].tolist() == [255, 255, 255]


def test_find_range_leaves_out_the_outermost():
    spans = np.array([[float(n), 100.0 + n] for n in range(100)])
    assert find_range(spans) == (2.0, 197.0)
    spans[50] = (-1e6, 1e6)
    assert find_range(spans) == (1.0, 198.0)
    assert find_range(spans[:1]) == (0.0, 100.0)
    assert find_range(spans[:2]) == (0.0, 101.0)


def test_images_of_one_value_are_said_to_be_blank(tmp_path):
    root = write_folder(tmp_path / "f", lambda p: p.astype(np.uint16))
    write(root / "unlabeled/0.png", np.full((SIZE, SIZE, 1), 100, np.uint16))
    assert any(note.startswith("1 images are blank") for note in load(root).notes)
