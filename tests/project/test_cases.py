"""The cases of `tools/cases.py`: their inputs, their table, and all those that take a second."""

import io
import os
import struct

import case_folders
import case_inputs
import case_pictures
import cases
import numpy as np
import pytest
import tifffile
from case_commands import cures
from case_helpers import Case, Outcome, has_number, probe
from case_terminal import Terminal
from PIL import Image

RAMP = case_inputs.ramp(1, 4, seed=0)
GRAY = case_inputs.ramp(1, 4, seed=0, channels=1)
QUICK = [case for case in case_pictures.CASES + case_folders.CASES if case.quick]


def read(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize("case", QUICK, ids=[case.key for case in QUICK])
def test_case(case):
    found = cases.outcome(case)
    assert cases.is_right(found), f"{found.expected}: {found.said}"


def test_the_class_of_a_ramp_is_where_it_is_bright():
    right, below = (case_inputs.ramp(label, 4, 0, channels=1) for label in (0, 1))
    assert right.dtype == np.uint8 and right.shape == (32, 32)
    assert right[:, 16:].mean() > right[:, :16].mean() + 20
    assert below[16:].mean() > below[:16].mean() + 20
    assert right.min() > 0 and right.max() < 250


def test_png_of_16_bits_holds_what_it_is_given():
    image = read(case_inputs.png16(51_600, 1)(GRAY))
    assert image.mode.startswith("I") and np.array_equal(np.asarray(image) - 51_600, GRAY)
    color = case_inputs.png16(1000, 2)(RAMP)
    assert struct.unpack(">IIBB", color[16:26]) == (32, 32, 16, 2) and read(color).mode == "RGB"


def test_tiff_holds_every_band():
    values = np.dstack([RAMP, GRAY])
    for extra, mode in (("unassalpha", "RGBA"), ("unspecified", ("RGB", "RGBX"))):
        image = read(case_inputs.tiff(values, photometric="rgb", extra=extra))
        assert image.mode in mode and np.array_equal(np.asarray(image)[..., :3], RAMP)
    deep = np.asarray(read(case_inputs.tiff(GRAY.astype(np.uint16) + 900)))
    assert np.array_equal(deep, GRAY.astype(int) + 900)
    heights = np.asarray(read(case_inputs.holed(GRAY)))
    assert np.isnan(heights).sum() == 4 and np.nanmin(heights) >= 1500
    many = case_inputs.tiff(np.repeat(GRAY[..., None], 13, axis=-1))
    assert tifffile.imread(io.BytesIO(many)).shape == (32, 32, 13)


def test_files_of_several_pages():
    assert read(case_inputs.stack(RAMP)).n_frames == 4
    first = case_inputs.thumbnail_first(RAMP)
    assert read(first).n_frames == 2 and read(first).size == (8, 8)


def test_icons_are_white_and_strips_are_wide():
    drawn = np.asarray(read(case_inputs.icon(RAMP)))
    assert np.all(drawn[..., :3] == 255) and 0.3 < np.mean(drawn[..., 3] == 255) < 0.7
    wide = np.asarray(read(case_inputs.strip(RAMP)))
    assert wide.shape == (32, 512, 3) and np.array_equal(wide[:, :32], RAMP)
    assert case_inputs.heic(RAMP)[4:12] in (b"ftypheic", b"ftypmif1")


def test_a_folder_is_the_same_whatever_it_is_encoded_as(tmp_path):
    plain = case_inputs.write_folder(tmp_path / "a", train=2, test=1, unlabeled=3)
    other = case_inputs.write_folder(tmp_path / "b", case_inputs.bmp, "bmp", train=2, test=1,
                                     unlabeled=3)  # fmt: skip
    pairs = list(zip(case_inputs.pictures(plain), case_inputs.pictures(other), strict=True))
    assert len(pairs) == 9
    assert all(Image.open(a).tobytes() == Image.open(b).tobytes() for a, b in pairs)
    assert len({Image.open(a).tobytes() for a, _ in pairs}) == 9
    folder = case_inputs.write_folder(tmp_path / "c")
    assert len(case_inputs.pictures(folder)) == case_inputs.FILES


def test_additions_to_a_folder(tmp_path):
    sizes = {"train": 13, "test": 6, "unlabeled": 0}
    for number, (add, more) in enumerate(
        (
            (case_inputs.add_thumbnails, 2 * 38),
            (case_inputs.add_debris, 20),
            (case_inputs.add_masks, 38),
            (case_inputs.add_texts, 24),
            (case_inputs.share_pictures, 17),
        )
    ):
        root = case_inputs.write_folder(tmp_path / str(number), **sizes)
        add(root)
        assert len(case_inputs.pictures(root)) == 38 + more


def test_unpacked_anew_only_the_pixels_differ(tmp_path):
    seen = []
    for invert in (False, True):
        case_inputs.unpack(tmp_path, invert)
        path = case_inputs.pictures(tmp_path)[0]
        seen.append((os.stat(path).st_size, os.stat(path).st_mtime_ns, path.read_bytes()))
    assert seen[0][:2] == seen[1][:2] and seen[0][2] != seen[1][2]


def test_a_terminal_has_a_home_of_its_own(tmp_path):
    terminal = Terminal(tmp_path)
    ran = terminal.run("sh", "-c", "echo $HOME:$PWD:$MINE; exit 3", MINE="yes")
    assert ran.code == 3 and ran.last == f"{tmp_path}/home:{tmp_path}/work:yes"


def test_numbers_are_found_whole():
    assert has_number("of 100 files", 100) and has_number("1,000 files.", 1000)
    assert not has_number("of 1,100 files, 1000.5, 21000", 100)
    assert not has_number("of 2100 files", 100)


def case(**expected):
    return Case("99", "a situation", lambda folder: Outcome(f"{folder}/x\nhas 1|2 <b>", expected))


def test_a_row_says_what_happened_and_what_is_missing():
    good, bad = case(read=True), case(read=True, said=False)
    row = cases.render(good, cases.outcome(good))
    assert row == r"| 99 | a situation | .../x has 1\|2 \<b> | yes |"
    assert cases.render(bad, cases.outcome(bad)).endswith("| **no**: said |")
    assert not cases.is_right(Outcome("", {}))


def test_an_error_that_nobody_expects_is_a_wrong_outcome():
    def check(folder):
        raise KeyError("lost")

    found = cases.outcome(Case("99", "", check))
    assert "KeyError" in found.said and not cases.is_right(found)


def test_keys_are_unique_and_cases_are_chosen_by_them():
    every = cases.every_case()
    keys = [case.key for case in every]
    assert len(set(keys)) == len(keys)
    public = {"01b", "02b", "02d", "03", "04", "05", "06", "07", "08", "10", "12", "13", "15"}
    public |= {"16", "19", "20", "20b", "22", "23", "24", "25", "26", "28", "31", "33", "36"}
    assert public <= set(keys) and len(public) == 26
    assert [case.key for case in cases.choose(every, "12,02b")] == ["02b", "12"]
    assert [case.key for case in cases.choose(every, "22")] == ["22", "22b", "22c"]
    with pytest.raises(ValueError, match="no case 99"):
        cases.choose(every, "99,12")


def test_the_command_writes_its_table_and_tells_right_from_wrong(tmp_path, monkeypatch, capsys):
    page = tmp_path / "cases.md"
    assert cases.main(["--only", "02d,12", "--out", str(page)]) == 0
    assert "2 of\n2 cases" in page.read_text() and "| 12 |" in page.read_text()
    assert "2 of 2 cases" in capsys.readouterr().out
    monkeypatch.setattr(cases, "every_case", lambda: [case(read=False)])
    assert cases.main(["--out", str(page)]) == 1
    assert "0 of\n1 cases" in page.read_text()


def test_a_probe_sees_the_class_and_nothing_in_noise(tmp_path):
    from case_helpers import load

    dataset = load(case_inputs.write_folder(tmp_path / "f"))
    assert probe(dataset) > 0.9
    random = np.random.default_rng(0)
    noise = [(random.integers(0, 255, split[0].shape), split[1]) for split in
             (dataset.train, dataset.test)]  # fmt: skip

    class Noise:
        train, test = noise

    assert probe(Noise) < 0.85


def test_settings_that_a_message_offers_become_arguments():
    text = "(--set \"counts=[10, 20]\", or --set sizes='[1, 2]'; --set pixels=9), --set x=1."
    settings = ["counts=[10, 20]", "sizes=[1, 2]", "pixels=9", "x=1"]
    assert cures(text) == [part for setting in settings for part in ("--set", setting)]
    assert cures("nothing") == []
