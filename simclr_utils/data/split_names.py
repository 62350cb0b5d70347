"""The names of the splits, and names that are nearly theirs."""

import difflib
import re

from simclr_utils.data.splits import SPLITS

LABELED = SPLITS[1:]
# What other tools call a split, in lower case and without digits and signs.
NEAR_NAMES = {
    **dict.fromkeys(("training", "trains", "trainset", "trainingset", "trn"), "train"),
    **dict.fromkeys(("trainimages", "imagestrain"), "train"),
    **dict.fromkeys(("testing", "tests", "testset", "testingset", "tst"), "test"),
    **dict.fromkeys(("testimages", "imagestest"), "test"),
    **dict.fromkeys(("val", "vals", "valid", "validate", "valset", "validationset"), "validation"),
    **dict.fromkeys(("dev", "devset", "valimages", "imagesval", "validset"), "validation"),
    **dict.fromkeys(("unlabel", "unlabelledimages", "unlabeledimages", "unlab"), "unlabeled"),
    **dict.fromkeys(("nolabel", "nolabels", "unsupervised", "unsup"), "unlabeled"),
}
# Names that some give to the validation images and some to the test images.
EITHER = ("eval", "evals", "evaluation", "evalset", "holdout", "heldout", "holdoutset")


def check_split_names(folders):
    """Refuses folders that are called nearly, but not quite, like a split.

    Such a folder would be left out without its user's will, and a test split be taken from train
    beside the one that is there.

    Args:
        folders: names of the folders beside train/.

    Raises:
        ValueError: for the first such name, with what to call it.
    """
    for name in folders:
        if plain_name(name) in EITHER:
            raise ValueError(
                f"The folder {name}/ may hold validation or test images, and would not be read. "
                "Rename it to validation/ (for choices) or to test/ (scored once), or move it out "
                "of the folder if it is something else."
            )
        split = meant_split(name)
        if split in (None, name):
            continue
        cure = f"Rename it to {split}/"
        if split in folders:
            cure = f"There is a {split}/ as well: join the two"
        raise ValueError(
            f"The folder {name}/ is called nearly like {split}/, and would not be read. {cure}, or "
            "move it out of the folder if it is something else. The names that are read are "
            f"{', '.join(f'{each}/' for each in SPLITS)}, in lower case."
        )


def plain_name(name):
    """Returns a folder's name in lower case, without digits and signs."""
    return re.sub(r"[\W\d_]+", "", name.lower())


def meant_split(name):
    """Returns the split that a folder's name means, or `None`."""
    plain = plain_name(name)
    if plain in SPLITS:
        return plain
    if plain in NEAR_NAMES:
        return NEAR_NAMES[plain]
    # Slips of the pen, in words that are long enough to be sure.
    return next(iter(difflib.get_close_matches(plain, ("unlabeled", "validation"), 1, 0.9)), None)
