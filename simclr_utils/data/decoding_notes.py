"""Says in sentences what was done to the images of a folder, and how to have it otherwise."""

import math

import numpy as np

from simclr_utils.data.deep import SPAN_PERCENT
from simclr_utils.data.pictures import Trait
from simclr_utils.data.value_range import CLIPPED_SHARE, OUTERMOST_SHARE
from simclr_utils.reading import how_to_set

CROPPED_SHARE = 0.25  # of an image's pixels, beyond which a note says so
NARROW_SHARE = 0.1  # of the range, below which half of the images leave most levels unused
RESIZED = {
    "crop": "Shorter side scaled to {} pixels (bicubic), longer side cropped at the center.",
    "pad": "Longer side scaled to {} pixels (bicubic), the rest filled with {}.",
    "squash": "Both sides scaled to {} pixels (bicubic), which changes the proportions.",
}
# What is said of the images that have a trait.
SENTENCES = (
    (Trait.TRANSPARENT, "images with transparency were laid on a {background} background."),
    (
        Trait.PAGES,
        "files have more than one page, frame or plane; only the first is used. Save the others "
        "as files of their own to use them.",
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
        "files have three channels and do not say which; they were taken for red, green and blue.",
    ),
    (
        Trait.MISSING,
        "images have pixels without a value (NaN, infinite, marked as missing, or one of the "
        "numbers that stand for none: -9,999, -32,768 and the smallest of its type); they were "
        "filled with {background}.",
    ),
    (Trait.BLANK, "images are blank: all of their pixels have the same value."),
)


def describe(decoded, image_size, channels, reading):
    """Says what the decoder did to the images.

    Args:
        decoded: A `Decoded`.
        image_size: Height and width of the images.
        channels: 1 or 3.
        reading: A `Reading`.

    Returns:
        A list of sentences.
    """
    notes = [RESIZED[reading.resize].format(image_size, reading.background)]
    notes += _on_cropping(decoded.cropped[decoded.traits > 0])
    gray = _count(decoded, Trait.GRAY)
    if channels == 1:
        notes.append("Every image has a single channel, and keeps it.")
    elif gray:
        notes.append(f"{gray:,} images with a single channel were repeated to three channels.")
    notes += [sentence for found in decoded.ranges for sentence in _on_range(found, reading)]
    clipped, deep = (_count(decoded, trait) for trait in (Trait.CLIPPED, Trait.DEEP))
    if clipped:
        notes.append(
            f"{clipped:,} of these images have more than {CLIPPED_SHARE:.0%} of their pixels "
            "beyond the range, at one end or the other."
        )
    if 0 < deep < np.sum(decoded.traits > 0):
        notes.append(
            f"{np.sum(decoded.traits > 0) - deep:,} images have 8 bits and keep their values: "
            f"their brightness is not comparable with that of the {deep:,} rescaled ones."
        )
    for trait, sentence in SENTENCES:
        if count := _count(decoded, trait):
            notes.append(f"{count:,} {sentence.format(background=reading.background)}")
    return notes


def _count(decoded, trait):
    return int(np.sum(decoded.traits & trait > 0))


def _on_cropping(cropped):
    strong = cropped[cropped.round(2) > CROPPED_SHARE]
    if len(strong):
        # A long strip would leave most of a padded image empty.
        best, other = ("squash", "pad") if np.median(strong) > 0.6 else ("pad", "squash")
        yield (
            f"{len(strong):,} images lose more than {CROPPED_SHARE:.0%} of their pixels to the "
            f"crop at the center: half of them {np.median(strong):.0%} or more, at most "
            f"{strong.max():.0%}. "
            f"To keep all of an image: {how_to_set('resize', best)}, or {other!r}."
        )


def _on_range(found, reading):
    low, high = f"{found.low:.6g}", f"{found.high:.6g}"
    yield (
        f"{found.count:,} images of more than 8 bits ({found.kind} values) were rescaled, all "
        f"alike: {low} became 0 and {high} became 255."
    )
    if reading.value_range is not None:
        return
    where = "unlabeled and train" if found.from_pool else "all splits, for want of others,"
    yield (
        f"That is the range which the images of {where} use, without {SPAN_PERCENT}% of an "
        f"image's pixels and {OUTERMOST_SHARE:.0%} of the images (at least one) at either end. "
        f"To choose another: {how_to_set('value_range', (_short(found.low), _short(found.high)))}."
    )
    typical_low, typical_high = found.typical
    if 0 < typical_high - typical_low < NARROW_SHARE * (found.high - found.low):
        typical = (_short(typical_low), _short(typical_high))
        yield (
            f"A typical image uses less than {NARROW_SHARE:.0%} of this range and has little "
            f"contrast: {typical[0]} to {typical[1]}. If the brighter or darker images do not "
            f"matter, choose that: {how_to_set('value_range', typical)}."
        )


def _short(number):
    """A number of six digits, whole where it can be."""
    number = float(f"{number:.6g}")
    return int(number) if number.is_integer() else number


def name_refused(refused):
    """Says which reasons there are, the most frequent ones first, each with a file.

    Args:
        refused: List of pairs of a file's name and a reason.
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
    """Says that too many files cannot be read, why, and what to do.

    Args:
        refused: List of pairs of a file's name and a reason.
        num_files: Integer, of how many.
        max_refused: Float, the share that is allowed.
        list_path: Path of the list of all of them.
    """
    share = len(refused) / num_files
    allow = "" if share == 1 else f", or allow more: {how_to_set('max_refused', _up(share))}"
    return (
        f"{len(refused)} of {num_files} files cannot be read, more than max_refused="
        f"{max_refused:.0%}. {name_refused(refused)}. Mend or remove them ({list_path} names "
        f"all){allow}."
    )


def _up(share):
    return math.ceil(100 * share) / 100
