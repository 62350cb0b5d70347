"""The answer names a method that is better than the two that were compared."""

from types import SimpleNamespace

import pytest

from simclr_utils.study import rivals

PRIMARY = {"first": "fine_tuned", "second": "supervised", "labels": 500, "subsets": 3, "seeds": 2}
BOTH = {"fine_tuned": 0.6, "supervised": 0.55}


def say(monkeypatch, values, low=0.01, preset="full", **changes):
    gap = SimpleNamespace(value=0.08, low=low, high=0.11)
    monkeypatch.setattr(rivals, "difference", lambda study, *pair: gap)
    return rivals.describe_rivals(SimpleNamespace(preset=preset), {**PRIMARY, **changes}, values)


def test_the_best_method_is_named_with_its_lead(monkeypatch):
    said = " ".join(say(monkeypatch, {**BOTH, "frozen_file": 0.68, "kmeans": 0.61}))
    assert said.startswith("Given encoder + probe, with 68.0 %, is ahead of both: by 8.0 points")
    assert "over SimCLR + fine-tuning, between 1.0 and 11.0" in said
    assert "best of 4 methods and was not named beforehand" in said


def test_a_lead_that_may_be_chance_is_called_so(monkeypatch):
    [said] = say(monkeypatch, {**BOTH, "frozen_file": 0.61}, low=-0.01)
    assert said.endswith("may be chance.")


@pytest.mark.parametrize("changes", [{"preset": "quick"}, {"seeds": 1}])
def test_without_a_verdict_there_is_no_interval(monkeypatch, changes):
    monkeypatch.setattr(rivals, "variance_over_images", lambda study, *pair: 0.03**2)
    [said] = say(monkeypatch, {**BOTH, "frozen_file": 0.68}, **changes)
    assert said.endswith("is ahead of both, by more than other test images would change.")
    assert say(monkeypatch, {**BOTH, "frozen_file": 0.65}, **changes) == []


def test_a_given_encoder_that_is_behind_is_mentioned(monkeypatch):
    [said] = say(monkeypatch, {**BOTH, "frozen_file": 0.5, "kmeans": 0.4})
    assert said.endswith("which needs no pretraining on these images, has 50.0 %.")
    assert say(monkeypatch, BOTH) == []
    assert rivals.describe_rivals(None, None, {}) == []
