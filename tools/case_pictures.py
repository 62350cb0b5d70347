"""Cases of single pictures: depth, pages, bands, formats, proportions.

A check takes an empty folder, loads pictures from it as a notebook does, and returns an `Outcome`.
It judges pixels and counts, and facts and numbers in the notes, but not the wording.
"""

import re

import case_inputs as inputs
import numpy as np
from case_helpers import (
    Case,
    Outcome,
    attempt,
    correlation,
    find_note,
    has_number,
    likeness,
    load,
    probe,
)

SAME_ACCURACY, SAME_PIXELS, LEVELS = 0.05, 0.98, 64


def depth(encode, suffix, channels, fact=r"\bbits?\b|range", count=inputs.FILES, change=None):
    """Makes a case of pixel values that fill only a part of the range of their type."""

    def check(folder):
        plain = load(inputs.write_folder(folder / "plain", channels=channels))
        root = inputs.write_folder(folder / "deep", encode, suffix, channels=channels)
        if change is not None:
            change(root)
        deep, said = attempt(root)
        if deep is None:
            return Outcome(said, {"read": False})
        note, levels = find_note(deep, fact, count), len(np.unique(deep.test[0]))
        accuracy, goal = probe(deep), probe(plain)
        return Outcome(
            f"probe {accuracy:.2f}, in 8 bits {goal:.2f}; {levels} levels; {note or 'no note'}",
            {
                "as separable as in 8 bits": accuracy >= goal - SAME_ACCURACY,
                "the same picture": likeness(deep, plain) > SAME_PIXELS and levels >= LEVELS,
                f"a note with {count} files": note != "",
            },
        )

    return check


def control(folder):
    dataset = load(inputs.write_folder(folder / "plain", channels=1))
    note = find_note(dataset, r"\bbits\b|range")
    accuracy = probe(dataset)
    return Outcome(
        f"probe {accuracy:.2f}; {note or 'no note on depth'}",
        {"separable": accuracy >= 0.95, "left as it is": note == ""},
    )


def sentinel(folder):
    """Checks that a value that stands for "no value" does not decide the range, or is named."""
    plain = load(inputs.write_folder(folder / "plain", channels=1))
    root = inputs.write_folder(folder / "heights", unmeasured, "tif", channels=1)
    dataset, said = attempt(root)
    if dataset is None:
        named = "32768" in said and "value_range" in said
        return Outcome(said, {"names the value and its cure": named})
    note = find_note(dataset, "-32,?768")
    measured, goal = (np.asarray(made.test[0])[:, 2:] for made in (dataset, plain))
    same = correlation(measured, goal)
    return Outcome(
        f"correlation of what was measured {same:.2f}, {len(np.unique(measured))} levels; "
        f"{note or 'no note'}",
        {"the heights are seen": same > SAME_PIXELS and len(np.unique(measured)) >= LEVELS,
         "the value is named": note != ""},
    )  # fmt: skip


def one_bright(root):
    pixels = inputs.ramp(0, 2, 999, channels=1)
    (root / "unlabeled/calibration.png").write_bytes(inputs.png16(0, 257)(pixels))


def paged(encode, fact, **options):
    """Makes a case of files with several pages or images."""

    def check(folder):
        dataset, said = attempt(inputs.write_folder(folder / "paged", encode, "tif", **options))
        if dataset is None:
            named = has_number(said, inputs.FILES) and re.search("page", said)
            return Outcome(said, {"a refusal that counts pages": bool(named)})
        note = find_note(dataset, fact, inputs.FILES)
        return Outcome(
            f"probe {probe(dataset):.2f}; {note or 'no note'}",
            {f"a note with {inputs.FILES} files that says what is used": note != ""},
        )

    return check


def preview(folder):
    """Checks that the picture is read, not the thumbnail in front of it."""
    dataset = load(inputs.write_folder(folder / "paged", inputs.thumbnail_first, "tif"))
    plain = load(inputs.write_folder(folder / "plain"))
    note = find_note(dataset, "thumbnail|preview|page|smaller", inputs.FILES)
    return Outcome(
        f"{dataset.image_shape[0]} pixels, probe {probe(dataset):.2f}; {note or 'no note'}",
        {"the largest image is read": likeness(dataset, plain) > SAME_PIXELS, "said": note != ""},
    )


def telephone(folder):
    dataset, said = attempt(inputs.write_folder(folder / "heic", inputs.heic, "HEIC"))
    if dataset is not None:
        return Outcome(f"probe {probe(dataset):.2f}", {"read": probe(dataset) >= 0.95})
    return Outcome(
        said,
        {"names HEIC": "HEIC" in said, "and the extra": re.search("pillow.heif", said) is not None},
    )


def many_pixels(folder):
    root = inputs.write_folder(folder / "phone", train=5, test=2, unlabeled=4)
    inputs.add_photographs(root)
    _, said = attempt(root, image_size=32)
    limit = inputs.MANY_PIXELS[0] * inputs.MANY_PIXELS[1]
    raised, after = attempt(root, image_size=32, max_pixels=limit)
    read = raised is not None and not raised.refused
    return Outcome(
        f"{said}; with max_pixels={limit}: {'all read' if read else after}",
        {"names the setting": "max_pixels" in said, "which helps": read},
    )


def icons(folder):
    root = inputs.write_folder(folder / "icons", inputs.icon)
    dataset, said = attempt(root)
    black, _ = attempt(root, background="black")
    accuracy = 0 if black is None else probe(black)
    return Outcome(
        f"{said}; with background=black: probe {accuracy:.2f}",
        {
            "says that they are blank": re.search("transparen", said) is not None,
            "names background": "background" in said,
            "which helps": accuracy >= 0.9,
        },
    )


def strips(folder):
    root = inputs.write_folder(folder / "strips", inputs.strip)
    found = {rule: attempt(root, resize=rule)[0] for rule in ("crop", "pad", "squash")}
    rates = {rule: 0 if made is None else probe(made) for rule, made in found.items()}
    note = find_note(found["crop"], "crop", 94) or find_note(
        found["crop"], r"crop.*9[34]|9[34].*crop"
    )
    listed = ", ".join(f"{rule} {rate:.2f}" for rule, rate in rates.items())
    return Outcome(
        f"probe: {listed}; {note or 'no note on the share'}",
        {
            "the share is said": note != "",
            "the rules are named": "pad" in note and "squash" in note,
            "squash keeps the class": rates["squash"] >= 0.95,
            "pad keeps the class": rates["pad"] >= 0.95,
        },
    )


def bands(extra):
    """Makes a case of a fourth band that is not transparency."""

    def check(folder):
        plain = load(inputs.write_folder(folder / "plain"))
        dataset, said = attempt(inputs.write_folder(folder / "b", inputs.infrared(extra), "tif"))
        named = re.search("alpha|fourth|4 (bands|channels)|four|infrared", said, re.IGNORECASE)
        if dataset is None:
            return Outcome(said, {"the fourth band is named": named is not None})
        same = likeness(dataset, plain)
        note = find_note(dataset, named[0], inputs.FILES) if named else ""
        return Outcome(
            f"correlation with red, green, blue {same:.2f}; {note or 'no note'}",
            {"not faded": same > SAME_PIXELS, f"a note with {inputs.FILES} files": note != ""},
        )

    return check


def negative(bits):
    """Makes a case of TIFF in which the smallest value is white."""
    kind = np.uint8 if bits == 8 else np.uint16

    def encode(pixels):
        values = 255 - pixels if bits == 8 else 65535 - pixels.astype(kind) * 257
        return inputs.tiff(values.astype(kind), photometric="miniswhite")

    def check(folder):
        plain = load(inputs.write_folder(folder / "plain", channels=1))
        dataset, said = attempt(inputs.write_folder(folder / "n", encode, "tif", channels=1))
        same = 0 if dataset is None else likeness(dataset, plain)
        said = said if dataset is None else f"correlation with the positive {same:.2f}"
        return Outcome(said, {"black is black": same > SAME_PIXELS})

    return check


def hounsfield(pixels):
    """Returns densities as hospital scanners store them, signed and with an offset."""
    return inputs.tiff(pixels.astype(np.int16) - 1000)


def unmeasured(pixels):
    """Returns heights in centimeters, with -32768 where nothing was measured."""
    values = pixels.astype(np.int16) + 300
    values[:2] = -32768
    return inputs.tiff(values)


def gray_tiff(pixels):
    return inputs.tiff(51_600 + pixels.astype(np.uint16))


def color_tiff(pixels):
    return inputs.tiff(1000 + pixels.astype(np.uint16) * 2, photometric="rgb")


def gray_pages(pixels):
    """Returns twelve time points of a movie in 16 bits, of which only the brightness changes."""
    values = 400 + pixels.astype(np.uint16)
    return inputs.pages([values + 2 * step for step in range(12)])


CASES = [
    Case("01b", "16-bit RGB, reflectances in a narrow range",
         depth(inputs.png16(1000, 2), "png", 3)),
    Case("01c", "the same as TIFF", depth(color_tiff, "tif", 3)),
    Case("02b", "16-bit gray, a scene spans 150 of 65,536 counts",
         depth(inputs.png16(51_600, 1), "png", 1)),
    Case("02c", "the same as TIFF", depth(gray_tiff, "tif", 1)),
    Case("02d", "the same in 8 bits", control),
    Case("02e", "heights in floating point, some not measured", depth(inputs.holed, "tif", 1)),
    Case("02f", "CT in signed 16 bits, around -900", depth(hounsfield, "tif", 1)),
    Case("02g", "heights in which -32768 stands for none", sentinel),
    Case("03", "12-bit scans and one bright file",
         depth(inputs.png16(0, 16), "png", 1, count=inputs.FILES + 1, change=one_bright)),
    Case("05", "TIFF stack, class visible from page 2 on", paged(inputs.stack, "page")),
    Case("05b", "TIFF whose first image is a thumbnail", preview),
    Case("05c", "16-bit stack of twelve time points", paged(gray_pages, "page", channels=1)),
    Case("06", "folder of an iPhone, HEIC", telephone),
    Case("07", "photographs of 108 million pixels", many_pixels, quick=False),
    Case("15", "white icons on transparency", icons),
    Case("16", "32×512 strips, class in the first fifth", strips),
    Case("36", "RGB and near infrared, tagged as alpha", bands("unassalpha")),
    Case("36b", "RGB and near infrared, fourth band not stated", bands("unspecified")),
    Case("36c", "TIFF in which 0 is white, 8 bits", negative(8)),
    Case("36d", "TIFF in which 0 is white, 16 bits", negative(16)),
]  # fmt: skip
