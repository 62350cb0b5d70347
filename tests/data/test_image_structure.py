"""Which picture of a file is used, what its channels are, and what is said of the rest."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from simclr_utils.data.dataset import load_dataset
from simclr_utils.data.decoding import decode_files, decode_image
from simclr_utils.data.opening import open_image
from simclr_utils.data.pictures import Trait
from simclr_utils.reading import Reading

SIZE = 16


def noise(seed, channels=3, size=SIZE, dtype=np.uint8):
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (size, size, channels), dtype, True)


def images(count, mode="RGB"):
    return [Image.fromarray(noise(seed)).convert(mode) for seed in range(count)]


def save_pages(path, mode="RGB", **options):
    first, *others = images(3, mode)
    first.save(path, save_all=True, append_images=others, **options)
    return path


def write_folder(root, save, count=12):
    """Two classes of images; `save(path without suffix, seed)`."""
    for label, name in enumerate("ab"):
        (root / "train" / name).mkdir(parents=True)
        for index in range(count):
            save(root / "train" / name / f"{index}", 100 * label + index)
    return root


def notes_of(root, **options):
    return " ".join(load_dataset(root, SIZE, root.parent / "cache", **options).notes)


# Pages


@pytest.mark.parametrize("suffix", ["tif", "gif", "webp", "png"])
def test_the_first_of_several_pages_is_used_and_the_others_are_counted(tmp_path, suffix):
    path = save_pages(tmp_path / f"x.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    found = decode_image(path, SIZE)
    assert Trait.PAGES in found.traits
    if suffix != "gif":
        np.testing.assert_array_equal(found.pixels, noise(0))
    Image.fromarray(noise(0)).save(path)
    assert Trait.PAGES not in decode_image(path, SIZE).traits


def test_the_note_counts_files_with_more_pages(tmp_path):
    def save(path, seed):
        pages = [Image.fromarray(noise(seed + page)) for page in range(0, 3000, 1000)]
        pages[0].save(f"{path}.tif", save_all=True, append_images=pages[1:])

    said = notes_of(write_folder(tmp_path / "f", save))
    assert "24 files have more than one page, frame or plane; only the first is used." in said


def test_stacks_of_16_bits_and_volumes_count_as_pages(tmp_path):
    stack = noise(0, dtype=np.uint16).transpose(2, 0, 1).copy()
    for options in ({}, {"volumetric": True}, {"imagej": True}):
        path = tmp_path / "x.tif"
        tifffile.imwrite(path, stack, photometric="minisblack", **options)
        found = decode_image(path, SIZE)
        assert Trait.PAGES in found.traits
        np.testing.assert_array_equal(found.pixels[..., 0], stack[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("place", ["page", "subimage"])
def test_a_thumbnail_in_front_gives_way_to_the_picture(tmp_path, place, dtype):
    large, small = noise(1, size=64, dtype=dtype), noise(2, size=SIZE, dtype=dtype)
    path = tmp_path / "x.tif"
    with tifffile.TiffWriter(path) as writer:
        subimage = {"subifds": 1} if place == "subimage" else {}
        writer.write(small, photometric="rgb", subfiletype=1, **subimage)
        writer.write(large, photometric="rgb")
    found = decode_image(path, 64)
    np.testing.assert_array_equal(found.pixels, large)
    assert Trait.THUMBNAIL in found.traits and Trait.PAGES not in found.traits
    with open_image(path) as image:  # and its size is what the image size is chosen from
        assert image.size == (64, 64)


def test_a_thumbnail_that_is_not_marked_is_known_by_its_size(tmp_path):
    with tifffile.TiffWriter(tmp_path / "x.tif") as writer:
        for size in (SIZE, 64):
            writer.write(noise(size, size=size), photometric="rgb")
    found = decode_image(tmp_path / "x.tif", 64)
    np.testing.assert_array_equal(found.pixels, noise(64, size=64))
    assert Trait.THUMBNAIL in found.traits


def test_a_pyramid_begins_with_the_picture(tmp_path):
    with tifffile.TiffWriter(tmp_path / "x.tif") as writer:
        writer.write(noise(1, size=64), photometric="rgb", subifds=1)
        writer.write(noise(1, size=64)[::2, ::2].copy(), photometric="rgb", subfiletype=1)
    found = decode_image(tmp_path / "x.tif", 64)
    assert found.traits == Trait.DECODED


def test_camera_raw_in_a_tiff_is_named(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", noise(0, 1, dtype=np.uint16)[..., 0], photometric="cfa")
    with pytest.raises(ValueError, match="camera raw"):
        decode_image(tmp_path / "x.tif", SIZE)


# Channels


def write_tiff(path, values, **options):
    tifffile.imwrite(path, values, **{"photometric": "rgb", **options})
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha", "unspecified", None])
def test_near_infrared_is_left_out_whatever_its_tag_says(tmp_path, extra, dtype):
    values = noise(0, 4, dtype=dtype)
    options = {} if extra is None else {"extrasamples": [extra]}
    path = write_tiff(tmp_path / "x.tif", values, **options)
    if extra is None:  # tifffile writes the tag itself; a file without it has none
        with tifffile.TiffFile(path, mode="r+b") as tiff:
            assert tiff.pages[0].tags[338].code == 338
            place = tiff.pages[0].tags[338].offset
        content = bytearray(path.read_bytes())
        content[place : place + 2] = (40_000).to_bytes(2, "little")
        path.write_bytes(content)
    found = decode_image(path, SIZE)
    np.testing.assert_array_equal(found.pixels, values[..., :3])
    assert Trait.EXTRA in found.traits and Trait.TRANSPARENT not in found.traits


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha"])
def test_opacity_in_a_tiff_is_opacity(tmp_path, extra, dtype):
    full = np.iinfo(dtype).max
    values = noise(0, 4, dtype=dtype)
    values[..., 3] = full
    values[:, 8:] = 0  # transparent on the right
    path = write_tiff(tmp_path / "x.tif", values, extrasamples=[extra])
    found = decode_image(path, SIZE)
    assert Trait.TRANSPARENT in found.traits and Trait.EXTRA not in found.traits
    np.testing.assert_array_equal(found.pixels[:, :8], values[:, :8, :3])
    if dtype == np.uint8:
        assert (found.pixels[:, 8:] == 255).all()
    else:
        assert (found.coverage[:, 8:] == 0).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colors_that_are_multiplied_by_their_opacity_are_divided_again(tmp_path, dtype):
    full = np.iinfo(dtype).max
    values = np.full((SIZE, SIZE, 4), full, dtype)
    values[..., 0] //= 2
    values[:4] //= 2  # half opaque
    path = write_tiff(tmp_path / "x.tif", values, extrasamples=["assocalpha"])
    (half, opaque), whole = (decode_image(path, SIZE).pixels[[0, 8], 0].astype(float)), full / 255
    np.testing.assert_allclose(opaque, [full // 2, full, full])
    expected = [full // 2 if dtype == np.uint16 else 191, full, full]  # laid on white, or not yet
    np.testing.assert_allclose(half, expected, atol=2 * whole)


def test_more_channels_than_color_are_left_out_of_rgb(tmp_path):
    values = noise(0, 6)
    path = write_tiff(tmp_path / "x.tif", values, extrasamples=["unspecified"] * 3)
    found = decode_image(path, SIZE)
    np.testing.assert_array_equal(found.pixels, values[..., :3])
    assert Trait.EXTRA in found.traits


@pytest.mark.parametrize("channels", [2, 4, 5, 13])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_channels_without_a_meaning_are_refused_with_their_number(tmp_path, channels, planes):
    values = noise(0, channels, dtype=np.uint16)
    if planes == "separate":
        values = values.transpose(2, 0, 1).copy()
    path = write_tiff(tmp_path / "x.tif", values, photometric="minisblack", planarconfig=planes)
    with pytest.raises(ValueError, match=rf"^{channels} channels; expected 1 .* save three"):
        decode_image(path, SIZE)


def test_three_channels_without_a_meaning_are_colors_and_it_is_said(tmp_path):
    def save(path, seed):
        options = {"photometric": "minisblack", "planarconfig": "contig"}
        write_tiff(f"{path}.tif", noise(seed, dtype=np.uint16), **options)

    assert "24 files have three channels without saying which" in notes_of(
        write_folder(tmp_path / "f", save)
    )


def test_a_folder_of_multiband_files_says_why_and_is_silent_otherwise(tmp_path, capfd):
    def save(path, seed):
        values = noise(seed, 13, dtype=np.uint16)
        write_tiff(f"{path}.tif", values, photometric="minisblack", planarconfig="contig")

    root = write_folder(tmp_path / "f", save)
    with pytest.raises(ValueError, match=r"24 of 24 files cannot be read.*23 more: 13 channels"):
        load_dataset(root, cache_dir=tmp_path / "cache")
    assert "samples" not in capfd.readouterr().err


def test_readers_keep_quiet(tmp_path, caplog):
    path = write_tiff(tmp_path / "x.tif", noise(0))
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        place = page.offset + 2 + 12 * len(page.tags)
    content = bytearray(path.read_bytes())
    content[place : place + 4] = (10**8).to_bytes(4, "little")  # a next page beyond the end
    path.write_bytes(content)
    decoded = decode_files([str(path)], SIZE, str(tmp_path / "map"))
    assert not decoded.refused
    assert caplog.records == []


@pytest.mark.parametrize("options", [{"compression": "lzw"}, {"tile": (16, 16)}, {}])
def test_planes_tiles_and_compression_change_nothing(tmp_path, options):
    values = noise(0, dtype=np.uint16)
    contiguous = write_tiff(tmp_path / "x.tif", values, **options)
    planar = values.transpose(2, 0, 1).copy()
    separate = write_tiff(tmp_path / "y.tif", planar, planarconfig="separate", **options)
    for path in (contiguous, separate):
        np.testing.assert_array_equal(decode_image(path, SIZE).pixels, values)


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "YCbCr", "P"])
def test_other_color_spaces_become_rgb(tmp_path, mode):
    smooth = Image.new("RGB", (SIZE, SIZE), (200, 100, 50))
    if mode == "LAB":
        image = Image.merge("LAB", [Image.new("L", (SIZE, SIZE), v) for v in (128, 128, 128)])
        expected = [119, 119, 119]
    else:
        image = smooth.convert(mode)
        expected = np.asarray(image.convert("RGB"))[0, 0]
    image.save(tmp_path / "x.tif", **({"compression": "jpeg"} if mode == "YCbCr" else {}))
    found = decode_image(tmp_path / "x.tif", SIZE)
    np.testing.assert_allclose(found.pixels[0, 0].astype(int), expected, atol=3)


# Transparency and background


def save_icon(path, seed, color=255):
    pixels = np.full((SIZE, SIZE, 4), color, np.uint8)
    pixels[..., 3] = 255 * (noise(seed)[..., 0] > 128)
    Image.fromarray(pixels).save(f"{path}.png")


def test_white_icons_are_refused_with_the_cure_and_read_on_another_background(tmp_path):
    root = write_folder(tmp_path / "f", save_icon)
    with pytest.raises(ValueError, match=r"in the color of the background \(white\).*gray") as stop:
        load_dataset(root, SIZE, tmp_path / "cache")
    assert "--set background=gray" in str(stop.value)
    assert "max_refused=1" not in str(stop.value)  # which would leave no image
    dataset = load_dataset(root, SIZE, tmp_path / "cache", background="gray")
    assert set(np.unique(dataset.unlabeled)) == {128, 255}
    assert "24 images with transparency were laid on a gray background." in dataset.notes


def test_some_white_icons_are_listed(tmp_path):
    root = write_folder(tmp_path / "f", lambda path, seed: save_icon(path, seed, 9 * (seed > 0)))
    for index in range(40):
        save_icon(root / "train/a" / f"more{index}", 500 + index, 0)
    save_icon(root / "train/a/white", 999)
    ((name, reason),) = load_dataset(root, SIZE, tmp_path / "cache").refused
    assert name == "train/a/white.png" and "background" in reason


def test_opaque_and_empty_images(tmp_path):
    for alpha, traits in ((255, Trait.DECODED), (100, Trait.DECODED | Trait.TRANSPARENT)):
        pixels = noise(0, 4)
        pixels[..., 3] = alpha
        Image.fromarray(pixels).save(tmp_path / "x.png")
        assert decode_image(tmp_path / "x.png", SIZE).traits == traits
    pixels[..., 3] = 0
    Image.fromarray(pixels).save(tmp_path / "x.png")
    with pytest.raises(ValueError, match="every pixel is transparent"):
        decode_image(tmp_path / "x.png", SIZE)


def test_a_colored_background_makes_gray_images_colored(tmp_path):
    gray = np.zeros((SIZE, SIZE, 2), np.uint8)
    gray[:8, :, 1] = 255
    Image.fromarray(gray, "LA").save(tmp_path / "x.png")
    found = decode_image(tmp_path / "x.png", SIZE, Reading(background="red"))
    assert found.pixels[15, 0].tolist() == [255, 0, 0] and Trait.GRAY not in found.traits


def test_blank_images_are_counted(tmp_path):
    def save(path, seed):
        pixels = noise(seed)
        Image.fromarray(pixels if seed % 100 else np.zeros_like(pixels)).save(f"{path}.png")

    assert "2 images are blank" in notes_of(write_folder(tmp_path / "f", save), seed=3)


# Streams and tiles that are larger than the file says


def enlarge(path, side=640):
    """Changes the size that the JPEG 2000 stream inside a file states."""
    content = bytearray(path.read_bytes())
    place = content.find(b"\xff\x4f\xff\x51") + 8
    content[place : place + 8] = 2 * side.to_bytes(4, "big")
    path.write_bytes(content)


def test_a_large_stream_or_tile_in_a_small_image_is_refused(tmp_path):
    small, pixels = Reading(max_pixels=1000), noise(0, 1, dtype=np.uint16)[..., 0]
    Image.fromarray(noise(0)).save(tmp_path / "a.jp2")
    tifffile.imwrite(tmp_path / "b.tif", pixels, compression="jpeg2000")
    for name in ("a.jp2", "b.tif"):
        assert decode_image(tmp_path / name, SIZE, small).pixels.shape[0] == SIZE
        enlarge(tmp_path / name)
        with pytest.raises(ValueError, match="640x640 pixels, more than max_pixels=1,000"):
            decode_image(tmp_path / name, SIZE, small)
    tifffile.imwrite(tmp_path / "c.tif", pixels, tile=(128, 128))
    with pytest.raises(ValueError, match="more than four values"):
        decode_image(tmp_path / "c.tif", SIZE, small)
