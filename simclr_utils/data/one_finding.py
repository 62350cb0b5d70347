"""A dataset of one finding: the images without it, and the images with it."""

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.data.findings import NO_FINDING, PRESENT, UNKNOWN
from simclr_utils.reading import ALL_FINDINGS, how_to_set

if TYPE_CHECKING:
    from simclr_utils.data.dataset import Dataset

LABELED = ("train", "validation", "test", "labeled")
MOST_NAMED = 40


def findings_of(dataset: "Dataset") -> dict[str, np.ndarray]:
    """Returns which classes of a dataset have which finding.

    In a dataset of one label for each image, every class is a finding: that class against the rest.

    Args:
        dataset: A `Dataset`, loaded with `finding="*"` if its images have several findings.

    Returns:
        A dict from names to int8 arrays `[K]` over the classes: 1, 0, or -1 where it is unknown.
        `findings_of(dataset)[name][labels]` has a value for each image.

    Example:

    >>> dataset = load_dataset("xrays", finding="*")
    >>> effusion = findings_of(dataset)["Effusion"][dataset.train[1]]
    """
    if dataset.findings:
        return {name: np.array(values, np.int8) for name, values in dataset.findings.items()}
    return dict(zip(dataset.class_names, np.eye(dataset.num_classes, dtype=np.int8), strict=True))


def choose_finding(dataset: "Dataset", finding: str | None) -> "Dataset":
    """Makes a dataset of two classes from one finding.

    Images of which the finding is unknown lose their label: those of train stay in the pool, those
    of validation and test are left out. The splits are the same for all findings.

    Args:
        dataset: A `Dataset`.
        finding: String, the name of a finding, or of a class in a dataset of one label for each
            image; upper and lower case are the same. `None` or "*" keeps the dataset as it is.

    Returns:
        A `Dataset` whose second class is the finding.

    Raises:
        ValueError: If there is no such finding, a split has no image left, or train has only one
            of the two classes; or if `finding` is `None` and the images have several findings.
    """
    if finding == ALL_FINDINGS or (finding is None and not dataset.findings):
        return dataset
    findings = findings_of(dataset)
    counts = count_findings(dataset.labeled[1], findings)
    name = find_name(finding, counts, dataset.name)
    parts, groups = {}, dict(dataset.groups)
    for split in LABELED:
        images, labels = getattr(dataset, split)
        values = findings[name][labels]
        known = values != UNKNOWN
        # Without a copy if possible: a memory map may be larger than the memory.
        images = images if known.all() else images[known]
        parts[split] = images, values[known].astype(np.int64)
        if groups:
            groups[split] = groups[split][known]
    _check_parts(name, parts)
    return replace(
        dataset,
        **parts,
        groups=groups,
        findings={},
        finding=name,
        class_names=(_without(name), name),
        fingerprint=_fingerprint(dataset, name),
        notes=[*dataset.notes, *_describe(name, dataset, parts)],
        labeled_files=_labeled_files(dataset, findings[name]),
    )


def count_findings(labels, findings):
    """Returns how many images have each finding.

    Args:
        labels: Integer array `[N]`, -1 for images without a label.
        findings: Dict from names to values over the classes.

    Returns:
        A dict from names to integers.
    """
    labels = np.asarray(labels)
    labels = labels[labels >= 0]
    return {
        name: int(np.sum(np.asarray(values)[labels] == PRESENT))
        for name, values in findings.items()
    }


def find_name(finding, counts, source):
    """Returns the name of a finding as the source spells it.

    Args:
        finding: String, or `None` if none was chosen.
        counts: Dict from the names of the findings to numbers of images.
        source: String, the name of the source.

    Returns:
        A string.

    Raises:
        ValueError: If there is no such finding, or none was chosen.
    """
    spelled = {name.casefold(): name for name in reversed(counts)}
    if finding is not None and str(finding).casefold() in spelled:
        return finding if finding in counts else spelled[str(finding).casefold()]
    if not counts:
        raise ValueError(f"{source} has no labels, so there is no finding {finding!r}.")
    listed = ", ".join(f"{name} ({count:,})" for name, count in list(counts.items())[:MOST_NAMED])
    if len(counts) > MOST_NAMED:
        listed += f", and {len(counts) - MOST_NAMED:,} more"
    if finding is not None:
        raise ValueError(
            f"{source} has no finding {finding!r}; it has, with numbers of images: {listed}."
        )
    raise ValueError(
        f"The images of {source} have several findings each. Choose one, as in "
        f"{how_to_set('finding', max(counts, key=counts.get))}; or score all of them with "
        f"`python -m simclr_utils findings`. The findings, with numbers of images: {listed}."
    )


def _without(name):
    return "any finding" if name == NO_FINDING else f"no {name}"


def _check_parts(name, parts):
    for split, (_, labels) in parts.items():
        if not len(labels):
            raise ValueError(
                f"{split} has no image of which {name!r} is known: write 1 or 0 for some of them."
            )
    missing = [
        word for value, word in enumerate(("without", "with")) if value not in parts["train"][1]
    ]
    if missing:
        raise ValueError(
            f"train has no image {missing[0]} {name!r}, so nothing tells the two apart. An empty "
            "cell means that it is unknown: write 0 where the finding is absent, 1 where it is "
            "present."
        )


def _fingerprint(dataset, name):
    text = f"{dataset.fingerprint} {name}"
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _describe(name, dataset, parts):
    """Returns sentences on what the choice of a finding left."""
    labels = np.concatenate([parts[split][1] for split in LABELED[:3]])
    unknown = sum(len(getattr(dataset, split)[1]) for split in LABELED[:3]) - len(labels)
    yield f"{np.sum(labels):,} of {len(labels):,} labeled images have the finding {name!r}."
    if unknown:
        yield (
            f"Of {unknown:,} more images the finding is unknown. Those of train are used without a "
            "label, the others are left out."
        )
    for split in ("validation", "test"):
        if not np.any(parts[split][1]):
            yield f"{split} has no image with {name!r}: its accuracy says nothing about it."


def _labeled_files(dataset, values):
    """Returns `Dataset.labeled_files` without the train images of which the finding is unknown."""
    if dataset.labeled_files is None or not dataset.files:
        return dataset.labeled_files
    unknown = values[dataset.train[1]] == UNKNOWN
    train = dataset.files[len(dataset.files) - len(unknown) :]
    left_out = {name for name, out in zip(train, unknown, strict=True) if out}
    return [name for name in dataset.labeled_files if name not in left_out]
