"""Several findings an image, as chest X-rays have them: labels are combinations of findings.

Each image keeps one label, the number of its combination. A small table says which findings a
combination has: 1 (present), 0 (absent) or -1 (unknown). So whatever takes one label for each image
works on, and images are read, compared and split once for all findings.
"""

import numpy as np

SEPARATOR = "|"
PRESENT, ABSENT, UNKNOWN = 1, 0, -1
# What a cell may hold in a column of its own for each finding. CheXpert writes -1 for "uncertain".
CELLS = {
    **{"1": PRESENT, "1.0": PRESENT, "0": ABSENT, "0.0": ABSENT},
    **{"-1": UNKNOWN, "-1.0": UNKNOWN, "": UNKNOWN},
}
NO_FINDING = "No Finding"  # never beside a finding
NONE_OF_THEM = "none"
LEAST = 3  # images, or groups, of a stratum: one for each of train, validation and test


def combine(values, names):
    """Numbers the combinations of findings.

    Args:
        values: Integer array `[N, L]` of 1 (present), 0 (absent) and -1 (unknown).
        names: Sequence of L strings, the names of the findings.

    Returns:
        A triple: int64 labels `[N]`, -1 for an image of which nothing is known; the list of the
        names of the K combinations, such as "Edema|Effusion", with a question mark after what is
        unknown; and a dict from the names of the findings to lists of K values.
    """
    values = np.asarray(values, np.int8)
    known = np.any(values != UNKNOWN, axis=1)
    rows, numbers = np.unique(values[known], axis=0, return_inverse=True)
    labels = np.full(len(values), -1)
    labels[known] = numbers.reshape(-1)
    marks = {PRESENT: "", UNKNOWN: "?"}
    parts = [
        [name + marks[value] for name, value in zip(names, row, strict=True) if value in marks]
        for row in rows.tolist()
    ]
    combinations = [SEPARATOR.join(part) or NONE_OF_THEM for part in parts]
    return labels, combinations, dict(zip(names, rows.T.tolist(), strict=True))


def split_label(label):
    """Returns the findings of a label such as "Effusion|Infiltration", or of an empty one.

    Args:
        label: String.

    Returns:
        A list of strings.

    Raises:
        ValueError: If a finding has no name, or "No Finding" is beside one.
    """
    findings = [part.strip() for part in label.split(SEPARATOR)] if label else []
    if not all(findings):
        raise ValueError(f"the label {label!r} has a finding without a name between its '|'.")
    if NO_FINDING in findings and len(set(findings)) > 1:
        raise ValueError(f"the label {label!r} has {NO_FINDING!r} beside a finding.")
    return findings


def values_of(lists):
    """Turns lists of findings into values.

    Args:
        lists: List of N lists of the findings of an image. An empty list means that nothing is
            known.

    Returns:
        A pair: an int8 array `[N, L]`, as `combine` takes it, and the L names in their order.
    """
    names = sorted({name for findings in lists for name in findings})
    places = {name: place for place, name in enumerate(names)}
    values = np.full((len(lists), len(names)), UNKNOWN, np.int8)
    for row, findings in zip(values, lists, strict=True):
        if findings:
            row[:] = ABSENT
            row[[places[name] for name in findings]] = PRESENT
    return values, names


def strata(labels, findings, groups=None):
    """Returns by what images are stratified: the rarest finding that each of them has.

    Most combinations are too rare to stratify by. The splits do not depend on the finding that is
    chosen later, so that no encoder has been pretrained on test images of another finding. A
    stratum of fewer than three images, or groups, is merged with the largest one.

    Args:
        labels: Integer array `[N]`, the numbers of combinations; -1 for unlabeled images.
        findings: Dict from L names to K values, as of `combine`. Empty if the labels are classes.
        groups: Integer array `[N]`, equal for images that belong together, or `None`.

    Returns:
        An integer array `[N]`: the labels if there are no findings. Else 0 to L-1; L for an image
        that has none of them, -1 for an unlabeled one.
    """
    labels = np.asarray(labels)
    if not findings:
        return labels
    has = np.array(list(findings.values())) == PRESENT  # [L, K]
    counts = has @ np.bincount(labels[labels >= 0], minlength=has.shape[1])
    rarest = np.where(has, counts[:, np.newaxis], np.inf).argmin(axis=0)
    rarest[~has.any(axis=0)] = len(has)
    found = np.where(labels >= 0, rarest[labels], -1)
    groups = np.arange(len(labels)) if groups is None else groups
    sizes = np.array([len(np.unique(groups[found == each])) for each in range(len(has) + 1)])
    merged = np.where(sizes < LEAST, sizes.argmax(), np.arange(len(sizes)))
    return np.where(found >= 0, merged[found], -1)
