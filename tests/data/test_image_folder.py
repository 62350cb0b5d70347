"""Folders of images: decoding of every mode, layout, splits, refused files, the cache."""

import csv
import os
import shutil
import time

import numpy as np
import pytest
from image_folders import load, make_folder, noise, save
from odd_files import png_header
from PIL import Image

from simclr_utils.data import cache, decoding
from simclr_utils.data import folder as image_folder
from simclr_utils.data.decoding import decode_files, decode_image
from simclr_utils.data.folder import load_image_folder
from simclr_utils.data.listing import list_images
from simclr_utils.data.pictures import Trait
from simclr_utils.data.repeats import digest_images
from simclr_utils.reading import Reading

LEFT_RED = np.zeros((8, 8, 3), np.uint8)
LEFT_RED[:, :4, 0] = 255


# Decoding


def test_rgb_of_the_right_size_is_untouched(tmp_path):
    pixels, traits, *_ = decode_image(save(tmp_path / "a.png", noise(0)), 8)
    np.testing.assert_array_equal(pixels, noise(0))
    assert traits == Trait.DECODED


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    upright = noise(orientation)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),  # to be turned clockwise by 90 degrees
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", np.ascontiguousarray(stored), exif=exif)
    np.testing.assert_array_equal(decode_image(path, 8)[0], upright)


def test_palette_becomes_rgb(tmp_path):
    image = Image.fromarray(LEFT_RED).quantize(2)
    assert image.mode == "P"
    pixels, traits, *_ = decode_image(save(tmp_path / "a.png", image), 8)
    np.testing.assert_array_equal(pixels, LEFT_RED)
    assert traits == Trait.DECODED


def test_transparent_palette_lies_on_white(tmp_path):
    image = Image.fromarray(LEFT_RED).quantize(2)
    black = image.getpixel((7, 0))
    pixels, traits, *_ = decode_image(save(tmp_path / "a.png", image, transparency=black), 8)
    assert pixels[0, 0].tolist() == [255, 0, 0] and pixels[0, 7].tolist() == [255, 255, 255]
    assert Trait.TRANSPARENT in traits


def test_rgba_lies_on_white(tmp_path):
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[..., 2], rgba[:, :4, 3], rgba[:, 4:, 3] = 200, 255, 51  # opaque left, 20 % right
    pixels, traits, *_ = decode_image(save(tmp_path / "a.png", rgba), 8)
    assert pixels[0, 0].tolist() == [0, 0, 200]
    np.testing.assert_allclose(pixels[0, 7].astype(int), [204, 204, 244], atol=1)
    assert Trait.TRANSPARENT in traits


def test_gray_with_alpha_lies_on_white_and_stays_one_channel(tmp_path):
    gray = np.zeros((8, 8, 2), np.uint8)
    gray[:, :4, 1] = 255
    pixels, traits, *_ = decode_image(save(tmp_path / "a.png", Image.fromarray(gray, "LA")), 8)
    assert pixels.shape == (8, 8, 1)
    assert pixels[0, 0, 0] == 0 and pixels[0, 7, 0] == 255
    assert traits == Trait.DECODED | Trait.GRAY | Trait.TRANSPARENT


def test_cmyk_becomes_rgb(tmp_path):
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # magenta + yellow = red
    pixels, *_ = decode_image(save(tmp_path / "a.tif", cmyk), 8)
    np.testing.assert_allclose(pixels.reshape(-1, 3).astype(int), [[255, 0, 0]] * 64, atol=2)


def test_gray_and_bilevel_stay_one_channel(tmp_path):
    gray = noise(1, channels=1)
    np.testing.assert_array_equal(decode_image(save(tmp_path / "a.png", gray), 8)[0][..., 0], gray)
    bilevel = Image.fromarray(gray).point(lambda value: 255 * (value > 99), mode="1")
    pixels, traits, *_ = decode_image(save(tmp_path / "b.png", bilevel), 8)
    np.testing.assert_array_equal(pixels[..., 0], 255 * (gray > 99))
    assert Trait.GRAY in traits


def test_shorter_side_is_scaled_and_the_centre_cropped(tmp_path):
    wide = np.zeros((16, 64, 3), np.uint8)
    wide[:, 20:44] = 200  # the filter also sees a little beyond the central 16 columns
    pixels, *_ = decode_image(save(tmp_path / "a.png", wide), 8)
    assert pixels.shape == (8, 8, 3)
    assert (pixels == 200).all()
    np.testing.assert_array_equal(
        decode_image(save(tmp_path / "b.png", wide.transpose(1, 0, 2)), 8)[0], pixels
    )


def test_large_jpeg_is_decoded_at_a_lower_resolution_but_looks_the_same(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 640).astype(np.uint8), (640, 1))
    pixels, *_ = decode_image(save(tmp_path / "a.jpg", ramp, quality=95), 16)
    expected = np.asarray(Image.fromarray(ramp).resize((16, 16), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(pixels[..., 0].astype(int), expected, atol=3)


def test_the_pool_of_processes_gives_what_one_process_gives(tmp_path, monkeypatch):
    paths = [str(save(tmp_path / f"{index}.png", noise(index))) for index in range(12)]
    (tmp_path / "5.png").write_bytes(b"broken")
    monkeypatch.setattr(decoding, "FILES_PER_TASK", 5)
    results = []
    for files_for_a_pool in (100, 1):
        monkeypatch.setattr(decoding, "FILES_FOR_A_POOL", files_for_a_pool)
        decoded = decode_files(paths, 8, str(tmp_path / "map"))
        traits, refused = decoded.traits.tolist(), decoded.refused
        results.append((traits, refused, (tmp_path / "map").read_bytes()))
    assert results[0] == results[1]
    assert [index for index, _ in refused] == [5] and traits[5] == 0
    images = np.frombuffer(results[1][2], np.uint8).reshape(12, 8, 8, 3)
    np.testing.assert_array_equal(images[11], noise(11))


# The folder


def test_splits_labels_and_order(tmp_path):
    root = make_folder(tmp_path / "Bilder für 学习")
    images, data = load(root, tmp_path)
    assert data["class_names"] == ["cat", "dog"]
    assert data["sizes"] == {"unlabeled": 6, "train": 18, "validation": 2, "test": 6}
    assert sorted(data["labels"]["validation"]) == [0, 1]
    assert data["labels"]["test"] == [0, 0, 0, 1, 1, 1]
    assert images.shape == (32, 8, 8, 3) and isinstance(images, np.memmap)
    assert not images.flags.writeable
    np.testing.assert_array_equal(images[0], noise(0))
    np.testing.assert_array_equal(images[-1], noise(6 + 20 + 5))
    train = {noise(6 + index).tobytes(): index // 10 for index in range(20)}
    labels = data["labels"]["train"] + data["labels"]["validation"]
    for image, label in zip(images[6:26], labels, strict=True):
        assert train.pop(image.tobytes()) == label
    assert not train
    assert any("no validation split" in note for note in data["notes"])
    assert not data["own_validation"]


def test_a_missing_test_split_is_taken_from_train_and_said(tmp_path):
    _, data = load(make_folder(tmp_path / "f", unlabeled=0, test=0), tmp_path)
    assert data["sizes"] == {"unlabeled": 0, "train": 14, "validation": 2, "test": 4}
    assert sorted(data["labels"]["test"]) == [0, 0, 1, 1]
    assert any("no test split" in note and "20%" in note for note in data["notes"])


def test_class_folders_and_unlabeled_are_searched_in_depth_and_strays_are_listed(tmp_path):
    root = make_folder(tmp_path / "f")
    save(root / "unlabeled/a/b/deep.png", noise(500))
    save(root / "train/cat/2023/deep.png", noise(501))
    save(root / "train/loose.png", noise(502))
    save(root / "notes/other.png", noise(503))
    _, data = load(root, tmp_path)
    assert data["sizes"]["unlabeled"] == 7
    assert data["sizes"]["train"] + data["sizes"]["validation"] == 21
    assert data["refused"] == [["train/loose.png", "in no class folder"]]
    assert "Not used: notes." in data["notes"]


def test_links_that_lead_in_a_circle_do_not_hang(tmp_path):
    root = make_folder(tmp_path / "f")
    (root / "unlabeled/up").symlink_to(root / "unlabeled", target_is_directory=True)
    (root / "unlabeled/dangling.png").symlink_to(root / "nowhere")
    (tmp_path / "elsewhere").mkdir()
    save(tmp_path / "elsewhere/linked.png", noise(900))
    (root / "unlabeled/linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    names = [name for name in list_images(root).names if name.startswith("unlabeled")]
    assert "unlabeled/linked/linked.png" in names and len(names) == 7


def test_one_channel_is_kept_if_every_image_has_one(tmp_path):
    images, data = load(make_folder(tmp_path / "f", channels=1), tmp_path)
    assert images.shape == (32, 8, 8, 1)
    np.testing.assert_array_equal(images[0, ..., 0], noise(0, channels=1))
    np.testing.assert_array_equal(images[-1, ..., 0], noise(31, channels=1))
    assert any("single channel" in note for note in data["notes"])


def test_gray_among_color_is_repeated_and_said(tmp_path):
    root = make_folder(tmp_path / "f")
    gray = noise(77, channels=1)
    save(root / "unlabeled/0.png", gray)
    images, data = load(root, tmp_path)
    np.testing.assert_array_equal(images[0], np.repeat(gray[..., None], 3, axis=-1))
    assert any("1 images with a single channel were repeated" in note for note in data["notes"])


def test_image_size_is_chosen_from_the_shorter_sides(tmp_path):
    root = make_folder(tmp_path / "f")
    for index in range(6):
        save(root / f"unlabeled/big{index}.png", np.zeros((300, 12, 3), np.uint8) + index)
    images, data = load(root, tmp_path, image_size=None)
    assert images.shape[1:] == (16, 16, 3)  # not 8: no encoder takes that
    assert any("16 was chosen" in note for note in data["notes"])
    for seed, path in enumerate(sorted(root.rglob("*.png"))):
        save(path, np.random.default_rng(seed).integers(0, 256, (120, 130), np.uint8))
    assert load(root, tmp_path, image_size=None)[0].shape[1:] == (96, 96, 1)


def test_limits_cut_before_anything_is_decoded(tmp_path):
    root = make_folder(tmp_path / "f")
    limits = {"unlabeled": 3, "train": 4, "validation": 2, "test": 2}
    _, data = load(root, tmp_path, limits=limits)
    assert data["sizes"] == limits
    assert sorted(data["labels"]["train"]) == [0, 0, 1, 1]
    assert sorted(data["labels"]["test"]) == [0, 1]
    _, data = load(root, tmp_path, limits={"train": 4})
    assert data["sizes"]["unlabeled"] == 6 + 18 - 4


def test_images_of_test_and_validation_are_removed_elsewhere(tmp_path):
    root = make_folder(tmp_path / "f", test=3)
    shutil.copy(root / "test/cat/0.png", root / "unlabeled/copy of test.png")
    shutil.copy(root / "test/dog/1.png", root / "train/dog/0.png")
    for path in sorted((root / "train").rglob("*.png")):  # whichever becomes validation
        shutil.copy(path, root / "unlabeled" / f"{path.parent.name}{path.name}")
    Image.open(root / "test/dog/2.png").save(root / "unlabeled/2.bmp")  # other file, same pixels
    images, data = load(root, tmp_path)
    overlaps = data["overlaps"]
    # The copy of test/dog/1.png in train/dog, wherever the split put it, and its copy in unlabeled.
    assert overlaps["unlabeled_in_test"] == 3
    assert overlaps["train_in_test"] + overlaps["validation_in_test"] == 1
    assert overlaps["unlabeled_in_validation"] == data["sizes"]["validation"]
    assert data["sizes"]["test"] == 6 and len(images) == sum(data["sizes"].values())
    digests = digest_images(images)
    ends = np.cumsum(list(data["sizes"].values()))
    pool, validation, test = np.split(digests, ends[1:3])
    assert not np.isin(pool, test).any() and not np.isin(validation, test).any()
    assert not np.isin(pool, validation).any()
    assert any("Removed because another split" in note for note in data["notes"])


# Refused files


def test_unreadable_files_are_listed_with_their_reasons(tmp_path):
    root = make_folder(tmp_path / "f")
    jpeg = save(root / "unlabeled/cut.jpg", noise(600, size=64)).read_bytes()
    (root / "unlabeled/cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (root / "unlabeled/empty.png").touch()
    (root / "unlabeled/read me.txt").write_text("no image")
    (root / "unlabeled/bomb.png").write_bytes(png_header(12_000, 12_000))
    (root / "train/cat/huge bomb.png").write_bytes(png_header(60_000, 60_000))
    images, data = load(root, tmp_path, reading=Reading(max_refused=0.2))
    reasons = dict(data["refused"])
    assert len(reasons) == 5 and len(images) == 32
    assert "truncated" in reasons["unlabeled/cut.jpg"]
    assert reasons["unlabeled/empty.png"] == "empty file"
    assert reasons["unlabeled/read me.txt"] == "not an image file, by its name"
    assert "bombs" in reasons["unlabeled/bomb.png"]
    assert "bombs" in reasons["train/cat/huge bomb.png"]
    with open(next((tmp_path / "cache").glob("*/refused.csv")), newline="") as file:
        assert [list(row.values()) for row in csv.DictReader(file)] == data["refused"]
    assert not any(str(tmp_path) in reason for reason in reasons.values())
    # Black pixels of refused files must not count as repetitions of a black image.
    assert sum(data["overlaps"].values()) == 0


def test_too_many_unreadable_files_stop_with_the_first_names(tmp_path):
    root = make_folder(tmp_path / "f")
    for index in range(10):
        (root / f"unlabeled/bad{index}.png").write_bytes(b"x")
    with pytest.raises(
        ValueError, match=r"10 of 42 files.*5%.*unlabeled/bad0.png and 9 more: not an image"
    ):
        load(root, tmp_path)
    (listed,) = (tmp_path / "cache").iterdir()  # no entry, but the whole list
    assert listed.name == "f-refused.csv" and listed.read_text().count("not an image") == 10


# The cache


def forbid_decoding(monkeypatch):
    def decode_files(*arguments):
        raise AssertionError("decoded again")

    monkeypatch.setattr(image_folder, "decode_files", decode_files)


def test_the_second_load_decodes_nothing(tmp_path, monkeypatch):
    root = make_folder(tmp_path / "f")
    before = sorted(path.relative_to(root) for path in root.rglob("*"))
    images, data = load(root, tmp_path)
    forbid_decoding(monkeypatch)
    again, data_again = load(root, tmp_path)
    assert data == data_again
    np.testing.assert_array_equal(images, again)
    assert before == sorted(path.relative_to(root) for path in root.rglob("*"))


@pytest.mark.parametrize(
    "change", ["time", "other content", "new file", "image_size", "seed", "limits"]
)
def test_a_change_of_files_or_settings_decodes_again(tmp_path, monkeypatch, change):
    root, options = make_folder(tmp_path / "f"), {}
    load(root, tmp_path)
    if change == "time":
        os.utime(root / "train/cat/0.png", (1, 1))
    elif change == "other content":  # of the same size, which claims the same time
        path = root / "train/cat/0.png"
        before = path.stat()
        path.write_bytes(path.read_bytes()[::-1])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "new file":
        save(root / "test/dog/new.png", noise(700))
    else:
        options = {change: {"image_size": 10, "seed": 1, "limits": {"test": 2}}[change]}
    forbid_decoding(monkeypatch)
    with pytest.raises(AssertionError, match="decoded again"):
        load(root, tmp_path, **options)


def test_a_damaged_entry_is_made_again(tmp_path):
    root = make_folder(tmp_path / "f")
    _, data = load(root, tmp_path)
    path = next((tmp_path / "cache").glob("*/images.bin"))
    os.truncate(path, 100)
    images, data_again = load(root, tmp_path)
    assert data_again == data and path.stat().st_size == images.nbytes


def test_equal_content_has_an_equal_fingerprint(tmp_path):
    root = make_folder(tmp_path / "f")
    first = load(root, tmp_path)[1]["fingerprint"]
    shutil.copytree(root, tmp_path / "copy")
    assert load(tmp_path / "copy", tmp_path)[1]["fingerprint"] == first
    save(root / "test/cat/0.png", noise(800))
    assert load(root, tmp_path)[1]["fingerprint"] != first


def test_two_runs_at_once_end_with_one_good_entry(tmp_path):
    root = make_folder(tmp_path / "f")
    real, inner = image_folder.decode_files, []

    def overtaken(*arguments):
        if not inner:  # while the first run decodes, a second one does all of it
            inner.append(None)
            load(root, tmp_path)
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_folder, "decode_files", overtaken)
        images, data = load(root, tmp_path)
    assert len(images) == 32 and len(list((tmp_path / "cache").iterdir())) == 1


def test_what_a_killed_run_left_goes_when_nothing_has_been_written_for_a_day(tmp_path):
    root, day = make_folder(tmp_path / "f"), cache.SECONDS_TO_LIVE
    old = time.time() - 2 * day
    for name, written in (("growing", time.time() - day / 2), ("dead", old)):
        folder = tmp_path / "cache" / f".writing-{name}"
        folder.mkdir(parents=True)
        (folder / "images.bin").write_bytes(b"?")
        os.utime(folder / "images.bin", (written, written))
        os.utime(folder, (old, old))
    load(root, tmp_path)
    left = [path.name for path in (tmp_path / "cache").glob(".writing-*")]
    assert left == [".writing-growing"]


def test_the_cache_never_lies_in_the_folder(tmp_path):
    root = make_folder(tmp_path / "f")
    for cache_dir in (root, root / "cache", root / "train/../x"):
        with pytest.raises(ValueError, match="inside the image folder"):
            load_image_folder(root, 8, cache_dir=cache_dir)


# Layouts that cannot work


def test_wrong_layouts_are_explained(tmp_path):
    root = make_folder(tmp_path / "f")

    def check(message):
        with pytest.raises(ValueError, match=message):
            load(root, tmp_path)

    save(root / "test/bird/0.png", noise(1))
    check(r"\['bird'\] occur in test/ but not in train/")
    shutil.rmtree(root / "test/bird")
    (root / "train/bird").mkdir()
    check("train/bird is empty")
    shutil.rmtree(root / "train/bird")
    shutil.rmtree(root / "train/dog")
    shutil.rmtree(root / "test/dog")
    check(r"class folders \['cat'\]")
    shutil.rmtree(root / "test/cat")
    shutil.rmtree(root / "train/cat")
    save(root / "train/dog/0.png", noise(1))
    save(root / "train/cat/0.png", noise(2))
    check("test/ has no class folders")
    shutil.rmtree(root / "test")
    check("no test image")


def test_class_folders_at_the_top_are_explained(tmp_path):
    make_folder(tmp_path / "f")
    with pytest.raises(ValueError, match=r"no folder train/.*cat.*move them into train/"):
        load(tmp_path / "f/train", tmp_path)


def test_a_class_that_only_repeats_test_images_is_an_error(tmp_path):
    root = make_folder(tmp_path / "f")
    shutil.rmtree(root / "train/dog")
    shutil.copytree(root / "test/dog", root / "train/dog")
    with pytest.raises(ValueError, match="'dog' has no train image left"):
        load(root, tmp_path)
