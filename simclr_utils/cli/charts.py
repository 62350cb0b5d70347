"""The chart of methods on a page: where dots, intervals and ticks stand, and their texts."""

import math
from collections.abc import Sequence

from simclr_utils.methods import METHODS
from simclr_utils.study.answers import percent

MOST_TICKS = 6
LONG = 120  # minutes: from here on in hours


def methods_chart(methods: Sequence[dict], named: Sequence[str] = ()) -> dict:
    """Returns the chart of the methods at one number of labels, the best one first.

    Args:
        methods: Dicts as in `verdict.json`: `method`, `label`, `value`, `low`, `high` and
            `minutes`, of one metric and one number of labels.
        named: Strings, the methods of the primary comparison, which stand out.

    Returns:
        A dict with `ticks`, pairs of a place and a text, and `rows`: dicts with the texts
        `label`, `value`, `interval` and `time`; `color`; and `place`, `low` and `width` in percent
        of the scale. `low` is `None` where the interval is unknown.
    """
    ends = [end for each in methods for end in (each["value"], each["low"], each["high"])]
    first, last, step = _scale([end for end in ends if end is not None])

    def place(share):
        return round(100 * (100 * share - first) / (last - first), 2)

    rows = []
    for each in sorted(methods, key=lambda each: -each["value"]):
        row = {"label": each["label"], "color": METHODS[each["method"]].color}
        row |= {"value": percent(each["value"]), "place": place(each["value"])}
        row |= {"named": each["method"] in named, "time": duration(each["minutes"]["total"])}
        row |= {"low": None, "width": None, "interval": ""}
        if each["low"] is not None:
            low, high = place(each["low"]), place(each["high"])
            text = f"{100 * each['low']:.1f} to {100 * each['high']:.1f} %"
            row |= {"low": low, "width": round(high - low, 2), "interval": text}
        rows.append(row)
    ticks = [(place(tick / 100), str(tick)) for tick in range(first, last + 1, step)]
    return {"rows": rows, "ticks": ticks}


def _scale(shares):
    """Returns the ends of a scale in percent, and the distance of its ticks."""
    first = 10 * math.floor(10 * min(shares))
    last = max(10 * math.ceil(10 * max(shares)), first + 10)
    step = next(step for step in (2, 5, 10, 20, 50) if (last - first) / step <= MOST_TICKS)
    return first, last, step


def duration(minutes: float | None) -> str:
    """Returns minutes as a text: seconds, minutes or hours.

    Args:
        minutes: Float, or `None` where nothing was recorded.

    Returns:
        A string, such as "24 s", "12 min" or "3.5 h"; a dash for `None`.
    """
    if minutes is None:
        return "–"
    if minutes < 1 / 60:
        return "< 1 s"
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    if minutes < LONG:
        return f"{minutes:.{int(minutes < 10)}f} min"
    return f"{minutes / 60:.1f} h"
