"""DICOM files: values, windows, kinds of pixels, frames, and a patient who stays in the header."""

import sys
import warnings

import imagecodecs
import numpy as np
import pytest

pytest.importorskip("pydicom", reason="DICOM files need the extra 'dicom'")

from dicom_files import BIRTH, NAME, NUMBER, SECRETS, compressed, item, make_dicom, ramp
from image_folders import load, noise, save
from PIL import Image
from pydicom import DataElement, dcmread, uid

from simclr_utils.data import load_dataset, save_dataset_record
from simclr_utils.data.decoding import decode_image
from simclr_utils.data.dicom import Frame, read_patient
from simclr_utils.data.opening import quiet
from simclr_utils.data.pictures import Trait
from simclr_utils.reading import Reading


@pytest.fixture(autouse=True)
def silence():
    """pydicom warns of the birth date, as it does in the files of users."""
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def decode(path, reading=Reading()):  # noqa: B008
    picture = decode_image(path, 16, reading)
    return picture.pixels[..., 0].astype(float), picture


# Values


def test_twelve_bits_without_a_window_wait_for_the_range_of_the_set(tmp_path):
    pixels, picture = decode(make_dicom(tmp_path / "a.dcm", ramp(), BitsStored=12, HighBit=11))
    np.testing.assert_array_equal(pixels, ramp())
    assert picture.traits == Trait.DECODED | Trait.DEEP | Trait.GRAY


def test_slope_and_intercept_give_the_units_of_the_scanner(tmp_path):
    path = make_dicom(tmp_path / "a.dcm", ramp(), RescaleSlope=1, RescaleIntercept=-1024)
    pixels, picture = decode(path)
    np.testing.assert_array_equal(pixels, ramp() - 1024.0)
    assert Trait.FLOAT not in picture.traits  # whole numbers stay integers
    path = make_dicom(tmp_path / "b.dcm", ramp(), RescaleSlope=0.37, RescaleIntercept=0)
    pixels, picture = decode(path)
    np.testing.assert_allclose(pixels, 0.37 * ramp(), rtol=1e-6)
    assert Trait.FLOAT in picture.traits


@pytest.mark.parametrize("kind, padding", [("SS", -2000), ("US", 63536)])  # the same 16 bits
def test_padding_is_no_value(tmp_path, kind, padding):
    stored = ramp(1000, dtype=np.int16) - 500
    stored[:, :2] = -2000
    element = DataElement(0x00280120, kind, padding)
    picture = decode(make_dicom(tmp_path / "a.dcm", stored, PixelPaddingValue=element))[1]
    assert Trait.MISSING in picture.traits and picture.span[0] > -500
    np.testing.assert_array_equal(picture.coverage[:, 0], 0)


def test_eight_bits_keep_their_values(tmp_path):
    pixels, picture = decode(make_dicom(tmp_path / "a.dcm", noise(0, 16, 1)))
    np.testing.assert_array_equal(pixels, noise(0, 16, 1))
    assert picture.traits == Trait.DECODED | Trait.GRAY


# Windows


def linear(values, center, width):
    """The linear function of the standard (PS3.3 C.11.2.1.2.1), to 0 to 255."""
    if width == 1:
        return np.where(values <= center - 0.5, 0, 255)
    return ((values - (center - 0.5)) / (width - 1) + 0.5).clip(0, 1) * 255


@pytest.mark.parametrize("center, width", [(1000, 400), (40.5, 80), (1000, 1), (2000, 2)])
def test_the_window_follows_the_standard(tmp_path, center, width):
    made = make_dicom(tmp_path / "a.dcm", ramp(), WindowCenter=center, WindowWidth=width)
    pixels, picture = decode(made)
    np.testing.assert_allclose(pixels, linear(ramp().astype(float), center, width), atol=0.51)
    assert picture.traits == Trait.DECODED | Trait.GRAY | Trait.WINDOW


def test_the_window_applies_to_the_units_of_the_scanner(tmp_path):
    scale = {"RescaleSlope": 2, "RescaleIntercept": -1024}
    made = make_dicom(tmp_path / "a.dcm", ramp(), WindowCenter=40, WindowWidth=400, **scale)
    expected = linear(2.0 * ramp() - 1024, 40, 400)
    np.testing.assert_allclose(decode(made)[0], expected, atol=0.51)


def test_the_first_valid_window_counts(tmp_path):
    windows = {"WindowCenter": [500, 1000, 2000], "WindowWidth": [0, 400, 4000]}
    expected = linear(ramp().astype(float), 1000, 400)
    pixels, _ = decode(make_dicom(tmp_path / "a.dcm", ramp(), **windows))
    np.testing.assert_allclose(pixels, expected, atol=0.51)
    for odd in ({"WindowWidth": 0}, {"WindowWidth": -5}, {"VOILUTFunction": "CUBIC"}):
        elements = {"WindowCenter": 500, "WindowWidth": 100, **odd}
        picture = decode(make_dicom(tmp_path / "b.dcm", ramp(), **elements))[1]
        assert Trait.WINDOW not in picture.traits and Trait.DEEP in picture.traits


def test_other_functions_of_a_window(tmp_path):
    window = {"WindowCenter": 2000, "WindowWidth": 1000}
    exact = make_dicom(tmp_path / "a.dcm", ramp(), VOILUTFunction="LINEAR_EXACT", **window)
    expected = ((ramp() - 2000.0) / 1000 + 0.5).clip(0, 1) * 255
    np.testing.assert_allclose(decode(exact)[0], expected, atol=0.51)
    curved = make_dicom(tmp_path / "b.dcm", ramp(), VOILUTFunction="SIGMOID", **window)
    expected = 255 / (1 + np.exp(-4 * (ramp() - 2000.0) / 1000))
    np.testing.assert_allclose(decode(curved)[0], expected, atol=0.51)


def test_a_table_of_values_is_used_where_there_is_no_window(tmp_path):
    table = item(
        LUTDescriptor=[256, 0, 16], LUTData=(np.arange(256, dtype="<u2")[::-1] * 257).tobytes()
    )
    table["LUTData"].VR = "OW"
    made = make_dicom(tmp_path / "a.dcm", ramp(255), VOILUTSequence=[table])
    np.testing.assert_allclose(decode(made)[0], 255.0 - ramp(255), atol=0.51)


def test_a_range_of_ones_own_replaces_the_windows_of_the_files(tmp_path):
    for index in range(4):
        window = {"WindowCenter": 100 * (index + 1), "WindowWidth": 50}
        pixels = np.roll(ramp(), index, 1)
        make_dicom(tmp_path / f"f/{index}.dcm", pixels, patient=f"{index}", **window)
    images, data = load(tmp_path / "f", tmp_path, image_size=16)
    assert any("4 DICOM images are shown in the window that each" in n for n in data["notes"])
    images, data = load(
        tmp_path / "f", tmp_path, image_size=16, reading=Reading(value_range=(0, 4095))
    )
    np.testing.assert_allclose(images[1, ..., 0], np.roll(ramp(), 1, 1) / 4095 * 255, atol=0.51)
    assert any("0 became 0 and 4095 became 255" in note for note in data["notes"])


# Kinds of pixels


def test_monochrome1_is_inverted(tmp_path):
    window = {"WindowCenter": 2000, "WindowWidth": 1000}
    made = make_dicom(tmp_path / "a.dcm", ramp(), "MONOCHROME1", **window)
    expected = 255 - linear(ramp().astype(float), 2000, 1000)
    np.testing.assert_allclose(decode(made)[0], expected, atol=0.51)
    eight = make_dicom(tmp_path / "b.dcm", noise(0, 16, 1), "MONOCHROME1")
    np.testing.assert_array_equal(decode(eight)[0], 255 - noise(0, 16, 1))


def test_monochrome1_without_a_window_shares_the_range_of_the_set(tmp_path):
    for index in range(4):
        kind = "MONOCHROME1" if index == 1 else "MONOCHROME2"
        make_dicom(tmp_path / f"f/{index}.dcm", np.roll(ramp(), index, 1), kind)
    reading = Reading(value_range=(0, 4095))
    images, data = load(tmp_path / "f", tmp_path, image_size=16, reading=reading)
    rolled = [np.roll(ramp(), index, 1) / 4095 * 255 for index in (1, 2)]
    np.testing.assert_allclose(images[1, ..., 0], 255 - rolled[0], atol=0.51)
    np.testing.assert_allclose(images[2, ..., 0], rolled[1], atol=0.51)
    assert "1 DICOM images store white as 0 (MONOCHROME1) and were inverted." in data["notes"]


def test_colors(tmp_path):
    color = noise(1, 16)
    picture = decode(make_dicom(tmp_path / "a.dcm", color, "RGB"))[1]
    np.testing.assert_array_equal(picture.pixels, color)
    luma = np.asarray(Image.fromarray(color).convert("YCbCr"))
    picture = decode(make_dicom(tmp_path / "b.dcm", luma, "YBR_FULL"))[1]
    np.testing.assert_allclose(picture.pixels.astype(int), color, atol=3)
    deep = decode(make_dicom(tmp_path / "c.dcm", color.astype(np.uint16) * 257, "RGB"))[1]
    np.testing.assert_array_equal(deep.pixels, color * 257.0)


@pytest.mark.parametrize("bits, scale", [(8, 1), (16, 257)])
def test_a_palette_becomes_color(tmp_path, bits, scale):
    palette = noise(2, 256)[0].astype(int)
    colors = {}
    for name, channel in zip(("Red", "Green", "Blue"), palette.T, strict=True):
        values = (channel * scale).astype("<u2" if bits == 16 else "u1")
        colors[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        colors[f"{name}PaletteColorLookupTableData"] = values.tobytes()
    indices = noise(3, 16, 1)
    picture = decode(make_dicom(tmp_path / "a.dcm", indices, "PALETTE COLOR", **colors))[1]
    np.testing.assert_array_equal(picture.pixels, palette[indices])


def test_newer_files_state_the_window_of_each_frame(tmp_path):
    shared = item(PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=-100)])
    own = [
        item(FrameVOILUTSequence=[item(WindowCenter=center, WindowWidth=200)])
        for center in (0, 900)
    ]
    path = make_dicom(
        tmp_path / "a.dcm",
        np.stack([ramp(), ramp()]),
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=own,
    )
    for number, center in enumerate((0, 900)):
        pixels, _ = decode(Frame(str(path), number))
        np.testing.assert_allclose(pixels, linear(ramp() - 100.0, center, 200), atol=0.51)


# Compression


def test_compressed_files_are_read(tmp_path):
    deep, gray = ramp(), noise(4, 16, 1)
    encoded = {
        uid.JPEG2000Lossless: (imagecodecs.jpeg2k_encode(deep, level=0, codecformat="J2K"), deep),
        uid.JPEGLSLossless: (imagecodecs.jpegls_encode(deep), deep),
        uid.JPEGLosslessSV1: (imagecodecs.ljpeg_encode(deep, bitspersample=12), deep),
        uid.JPEGBaseline8Bit: (imagecodecs.jpeg8_encode(gray, level=100), gray),
    }
    for syntax, (content, expected) in encoded.items():
        bits = 8 if expected is gray else 12
        path = make_dicom(
            tmp_path / f"{syntax}.dcm",
            [content],
            TransferSyntaxUID=syntax,
            **compressed(expected.shape, bits),
        )
        np.testing.assert_allclose(decode(path)[0], expected, atol=3 * (bits == 8), err_msg=syntax)
    data = dcmread(make_dicom(tmp_path / "rle.dcm", deep))
    data.compress(uid.RLELossless)
    data.save_as(tmp_path / "rle.dcm")
    np.testing.assert_array_equal(decode(tmp_path / "rle.dcm")[0], deep)


# The folder


def make_patients(root, patients=10, files=3):
    """Writes a folder of patients, whose files have no endings."""
    for patient in range(patients):
        for index in range(files):
            pixels = noise(10 * patient + index, 16, 1)
            name = f"train/{'ab'[patient % 2]}/{patient}{index}"
            make_dicom(root / name, pixels, patient=f"{NUMBER}{patient}")
    return root


def test_patients_are_groups(tmp_path):
    root = make_patients(tmp_path / "f")
    dataset = load_dataset(root, image_size=16, cache_dir=tmp_path / "cache")
    assert dataset.image_shape == (16, 16, 1) and not dataset.refused
    for name in ("unlabeled", "validation", "test"):
        sizes = np.unique(dataset.groups[name], return_counts=True)[1]
        assert (sizes == 3).all()  # whole patients
    assert len(np.unique(np.concatenate(list(dataset.groups.values())))) == 10
    assert any(
        "The 10 patients that 30 DICOM files state are the groups" in n for n in dataset.notes
    )


def test_a_table_decides_about_groups(tmp_path):
    root = make_patients(tmp_path / "f", patients=8)
    rows = [f"train/{'ab'[p % 2]}/{p}{i},{p}{i}" for p in range(8) for i in range(3)]
    (root / "labels.csv").write_text("\n".join(["file,group", *rows]))
    assert len(set(load(root, tmp_path)[1]["groups"])) == 24


def test_a_patient_in_two_stated_splits_is_refused_without_the_number(tmp_path):
    root = make_patients(tmp_path / "f", patients=4)
    make_dicom(root / "test/a/x", noise(99, 16, 1), patient=f"{NUMBER}0")
    with pytest.raises(ValueError, match=r"One patient, .* in two splits: train .*a/00") as raised:
        load(root, tmp_path)
    assert not any(secret in str(raised.value) for secret in SECRETS)


def test_one_patient_for_all_is_no_group(tmp_path):
    for index in range(3):
        make_dicom(tmp_path / f"f/{index}.dcm", noise(index, 16, 1), patient="ANONYMOUS")
    data = load(tmp_path / "f", tmp_path)[1]
    assert "groups" not in data
    assert any("patients are not used as groups" in note for note in data["notes"])


def test_every_frame_is_an_image_and_frames_stay_together(tmp_path):
    root = tmp_path / "f"
    for index in range(10):
        frames = np.stack([noise(10 * index + frame, 16, 1) for frame in range(3)])
        make_dicom(root / f"train/{'ab'[index % 2]}/{index}.dcm", frames, patient="")
    save(root / "unlabeled/0.png", noise(500, 16, 1))
    images, data = load(root, tmp_path, image_size=16)
    assert data["sizes"] == {"unlabeled": 1, "train": 18, "validation": 6, "test": 6}
    assert any(
        "10 DICOM files have more than one frame; each of their 30" in n for n in data["notes"]
    )
    frames = [name for name in data["files"] if "#" in name]
    assert len({name.split("#")[0] for name in frames}) == 6 and len(frames) == 18
    name = frames[0]
    index, frame = int(name.split("/")[2][0]), int(name[-1]) - 1
    np.testing.assert_array_equal(images[1, ..., 0], noise(10 * index + frame, 16, 1))


def test_a_table_labels_all_frames_of_a_file(tmp_path):
    rows = ["file,label,group"]
    for index in range(8):
        frames = np.stack([noise(10 * index + frame, 16, 1) for frame in range(2)])
        make_dicom(tmp_path / f"f/{index}", frames, patient=f"{index % 2}")
        rows.append(f"{index},{'ab'[index // 4]},")
    rows[1] += "g0"
    (tmp_path / "f/labels.csv").write_text("\n".join(rows))
    data = load(tmp_path / "f", tmp_path, image_size=16)[1]
    assert data["sizes"] == {"unlabeled": 0, "train": 8, "validation": 4, "test": 4}
    assert np.unique(data["groups"], return_counts=True)[1].tolist() == [2] * 8


def test_what_is_not_read_is_told(tmp_path, monkeypatch):
    root = tmp_path / "f"
    for index in range(4):
        save(root / f"{index}.png", noise(index, 16, 1))
    path = make_dicom(root / "report", noise(9, 16, 1))
    report = dcmread(path)
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(report, keyword)
    report.save_as(path)
    (root / "x.dcm").write_bytes(b"\0" * 300)
    video = compressed((16, 16))
    make_dicom(root / "video.dcm", [b"\0\0"], TransferSyntaxUID=uid.MPEG2MPML, **video)
    (root / "DICOMDIR").write_bytes(path.read_bytes())
    reasons = dict(load(root, tmp_path)[1]["refused"])
    assert "without an image, such as a report" in reasons["report"]
    assert "lacks the letters DICM" in reasons["x.dcm"]
    assert "with a video: convert it first" in reasons["video.dcm"]
    assert reasons["DICOMDIR"] == "not an image file, by its name"
    monkeypatch.setitem(sys.modules, "pydicom", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    reasons = dict(load(root, tmp_path)[1]["refused"])
    assert reasons["report"] == 'DICOM file: install its reader with `pip install -e ".[dicom]"`'


# Files that claim more than they hold


def test_a_file_that_claims_too_much_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    def decoded(*_, **__):
        raise AssertionError("decoded")

    pixels, small = noise(0, 16, 1), Reading(max_pixels=1000)
    streams = {
        uid.JPEGBaseline8Bit: imagecodecs.jpeg8_encode(noise(0, 64, 1)),
        uid.JPEG2000Lossless: imagecodecs.jpeg2k_encode(noise(0, 64, 1), codecformat="j2k"),
        uid.JPEGLSLossless: imagecodecs.jpegls_encode(noise(0, 64, 1)),
    }
    cases = [
        ([stream + b"\0" * (len(stream) % 2)], compressed((16, 16)), syntax, "64x64 pixels, more")
        for syntax, stream in streams.items()
    ]
    cases += [
        (pixels, {"Rows": 64, "Columns": 64}, uid.ExplicitVRLittleEndian, "64x64 pixels, more"),
        (pixels, {"NumberOfFrames": 9}, uid.ExplicitVRLittleEndian, "no room for the frames"),
        ([b"\0\0"], {**compressed((16, 16)), "NumberOfFrames": 99}, uid.RLELossless, "no room for"),
        ([b"\0\0"], compressed((16, 16), samples=255), uid.RLELossless, "255 channels"),
        ([b"\xff\xd8"], compressed((16, 16)), uid.JPEGBaseline8Bit, "does not say how large"),
        (pixels, {}, uid.DeflatedExplicitVRLittleEndian, "compressed as a whole"),
    ]
    with monkeypatch.context() as patch:
        patch.setattr("pydicom.pixels.pixel_array", decoded)
        for content, elements, syntax, message in cases:
            path = make_dicom(tmp_path / "a.dcm", content, TransferSyntaxUID=syntax, **elements)
            with pytest.raises(ValueError, match=message):
                decode_image(path, 16, small)
            assert read_patient(path, b"salt")[0] == 1
    with pytest.raises(ValueError, match="damaged DICOM file"):
        decode(make_dicom(tmp_path / "b.dcm", pixels, Rows=9000, Columns=9000))


# Privacy


def test_the_patient_never_leaves_the_header(tmp_path, capfd):
    root = make_patients(tmp_path / "f", patients=6)
    whole = (root / "train/a/00").read_bytes()
    assert all(secret.encode() in whole for secret in (NAME, NUMBER, BIRTH))
    (root / "train/a/cut").write_bytes(whole[: len(whole) - 200])
    (root / "train/a/bent").write_bytes(whole.replace(b"US\2\0\x10\0", b"PN\2\0QQ"))
    make_dicom(root / "train/b/odd", noise(70, 16, 1), WindowCenter=1, WindowWidth=9)
    broken = (root / "train/b/odd").read_bytes().replace(b"DS\2\x009 ", b"DS\2\0x ")
    (root / "train/b/odd").write_bytes(broken)
    (root / "train/b/twice").write_bytes((root / "train/a/02").read_bytes())
    dataset = load_dataset(root, image_size=16, cache_dir=tmp_path / "cache")
    assert {"train/a/cut", "train/a/bent"} <= {name for name, _ in dataset.refused}
    assert dataset.conflicts
    save_dataset_record(tmp_path / "run", dataset)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and root not in path.parents]
    assert {"dataset.json", "refused.csv", "conflicts.csv", "data.json", "images.bin"} <= {
        path.name for path in written
    }
    said = "".join(capfd.readouterr()) + repr(dataset) + repr(vars(dataset))
    for secret in SECRETS:
        assert secret not in said
        assert not [path for path in written if secret.encode() in path.read_bytes()]
