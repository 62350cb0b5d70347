"""Sentences on what was done to the images of a folder, and how to change it."""

import math

import numpy as np

from simclr_utils.data.deep import CLIPPED_SHARE, OUTERMOST_SHARE, SPAN_PERCENT
from simclr_utils.data.pictures import Trait
from simclr_utils.reading import how_to_set

CROPPED_SHARE = 0.25  # of an image's pixels; if more are cropped away, a note says so
NARROW_SHARE = 0.1  # of the range; a typical image that uses less has little contrast
RESIZED = {
    "crop": "Shorter side scaled to {} pixels (bicubic), longer side cropped at the center.",
    "pad": "Longer side scaled to {} pixels (bicubic), the rest filled with {}.",
    "squash": "Both sides scaled to {} pixels (bicubic), which changes the proportions.",
}
# The rest of a note that begins with the number of images that have the trait.
SENTENCES = (
    (Trait.TRANSPARENT, "images with transparency were laid on a {background} background."),
    (
        Trait.PAGES,
        "files have more than one page, frame or plane; only the first is used. To use the others, "
        "save them as separate files.",
    ),
    (
        Trait.THUMBNAIL,
        "files begin with a smaller copy of the picture, such as a thumbnail; the larger one is "
        "used.",
    ),
    (
        Trait.EXTRA,
        "files have more channels than red, green and blue, such as near infrared; the others were "
        "left out.",
    ),
    (
        Trait.BANDS,
        "files have three channels without saying which; they were taken for red, green and blue.",
    ),
    (
        Trait.MISSING,
        "images have pixels without a value (NaN, infinite, marked as missing, or a number that "
        "usually stands for no value: -9,999, -32,768 or the smallest of its type). These pixels "
        "were filled with {background}.",
    ),
    (
        Trait.WINDOW,
        "DICOM images are shown in the window that each file states, so brightness cannot be "
        "compared between files with different windows. To map the values of all files alike: "
        "{value_range}.",
    ),
    (Trait.INVERTED, "DICOM images store white as 0 (MONOCHROME1) and were inverted."),
    (
        Trait.BURNED,
        "DICOM images have text burned into their pixels, by what their files say. It may name the "
        "patient.",
    ),
    (Trait.BLANK, "images are blank: all of their pixels have the same value."),
)


def describe(decoded, image_size, channels, reading):
    """Returns sentences on what the decoder did to the images.

    Args:
        decoded: A `Decoded`.
        image_size: Integer, height and width of the images in pixels.
        channels: Integer, 1 or 3.
        reading: A `Reading`.

    Returns:
        A list of sentences.
    """
    notes = [RESIZED[reading.resize].format(image_size, reading.background)]
    notes += _on_cropping(decoded.cropped[decoded.traits > 0])
    gray = _count(decoded, Trait.GRAY)
    if channels == 1:
        notes.append(
            "Every image has a single channel and keeps it. Views change brightness and contrast; "
            "there is no color to change."
        )
    elif gray:
        notes.append(f"{gray:,} images with a single channel were repeated to three channels.")
    notes += [sentence for found in decoded.ranges for sentence in _on_range(found, reading)]
    clipped, deep = (_count(decoded, trait) for trait in (Trait.CLIPPED, Trait.DEEP))
    if clipped:
        notes.append(
            f"{clipped:,} of these images have more than {CLIPPED_SHARE:.0%} of their pixels "
            "outside this range."
        )
    plain = np.sum(decoded.traits > 0) - deep - _count(decoded, Trait.WINDOW)
    if deep and plain:
        notes.append(
            f"{plain:,} images have 8 bits and keep their values, so "
            f"their brightness cannot be compared with that of the {deep:,} rescaled ones."
        )
    examples = {"value_range": how_to_set("value_range", (-160, 240))}
    for trait, sentence in SENTENCES:
        if count := _count(decoded, trait):
            notes.append(f"{count:,} {sentence.format(background=reading.background, **examples)}")
    return notes


def _count(decoded, trait):
    return int(np.sum(decoded.traits & trait > 0))


def _on_cropping(cropped):
    strong = cropped[cropped.round(2) > CROPPED_SHARE]
    if len(strong):
        # A long strip fills only a small part of a padded image.
        best, other = ("squash", "pad") if np.median(strong) > 0.6 else ("pad", "squash")
        yield (
            f"{len(strong):,} images lose more than {CROPPED_SHARE:.0%} of their pixels to the "
            f"crop at the center: half of them {np.median(strong):.0%} or more, at most "
            f"{strong.max():.0%}. "
            f"To keep the whole image: {how_to_set('resize', best)}, or {other!r}."
        )


def _on_range(found, reading):
    low, high = f"{found.low:.6g}", f"{found.high:.6g}"
    yield (
        f"{found.count:,} images of more than 8 bits ({found.kind} values) were rescaled, all "
        f"alike: {low} became 0 and {high} became 255."
    )
    if reading.value_range is not None:
        return
    where = "unlabeled and train"
    if not found.from_pool:
        where = "all splits, because unlabeled and train have none of this kind"
    yield (
        f"This range was found from the images of {where}. It leaves out {SPAN_PERCENT}% of the "
        f"pixels of an image and {OUTERMOST_SHARE:.0%} of the images (at least one) at either end. "
        f"To choose another: {how_to_set('value_range', (_short(found.low), _short(found.high)))}."
    )
    typical_low, typical_high = found.typical
    if 0 < typical_high - typical_low < NARROW_SHARE * (found.high - found.low):
        typical = (_short(typical_low), _short(typical_high))
        yield (
            f"A typical image uses less than {NARROW_SHARE:.0%} of this range and has little "
            f"contrast: {typical[0]} to {typical[1]}. If the brighter and darker images do not "
            f"matter, choose the range of a typical image: {how_to_set('value_range', typical)}."
        )


def _short(number):
    """Rounds a number to six digits, and to an integer if it is whole."""
    number = float(f"{number:.6g}")
    return int(number) if number.is_integer() else number


def name_refused(refused):
    """Lists the most frequent reasons for refusing files, each with an example.

    Args:
        refused: List of pairs of a file's name and a reason.

    Returns:
        A string with up to three reasons.
    """
    files = {}
    for name, reason in refused:
        files.setdefault(reason, []).append(name)
    often = sorted(files.items(), key=lambda item: -len(item[1]))[:3]
    return "; ".join(
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}"
        for reason, names in often
    )


def too_many_refused(refused, num_files, max_refused, list_path):
    """Returns the error message for too many unreadable files, with the reasons and the cure.

    Args:
        refused: List of pairs of a file's name and a reason.
        num_files: Integer, the number of all files.
        max_refused: Float in 0 to 1, the share that is allowed.
        list_path: Path of the list of all refused files.

    Returns:
        A string.
    """
    share = len(refused) / num_files
    allow = "" if share == 1 else f", or allow more: {how_to_set('max_refused', _up(share))}"
    return (
        f"{len(refused)} of {num_files} files cannot be read, more than max_refused="
        f"{max_refused:.0%}. {name_refused(refused)}. Repair or remove them ({list_path} lists "
        f"them all){allow}."
    )


def _up(share):
    """Rounds a share up to a whole percent."""
    return math.ceil(100 * share) / 100
