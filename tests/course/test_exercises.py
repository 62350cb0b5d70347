"""The exercises' checks: right answers pass, and each wrong one is told its mistake."""

import re

import exercise_table
import keras
import numpy as np
import pytest
from answers import TRIED
from hypothesis import given
from hypothesis import strategies as st

from simclr_utils import course
from simclr_utils.course import check_number, check_order, check_prediction, check_training_step
from simclr_utils.course.loss_exercises import supcon_answers
from simclr_utils.training.loss_checks import MISTAKES, find_nt_xent_mistake, reference_nt_xent

pytestmark = pytest.mark.numbers
CASES = [
    pytest.param(check, answer, id=f"{check.__name__}: {answer.words}")
    for check, tried in TRIED.items()
    for answer in tried
]


@pytest.mark.parametrize("check, answer", CASES)
def test_an_answer_is_judged(check, answer):
    verdict = check(*answer.arguments)
    assert answer.said in verdict
    assert verdict.startswith("Right") == answer.said.startswith("Right")
    assert verdict.startswith(("Right", "Nearly", "Not yet"))


def test_every_check_is_tried_with_right_and_wrong_answers():
    public = [name for name in dir(course) if name.startswith("check_")]
    assert {check.__name__ for check in TRIED} == {*public, "check_nt_xent"}
    for check, tried in TRIED.items():
        right = sum(answer.said.startswith("Right") for answer in tried)
        assert 0 < right < len(tried), check.__name__


# What a verdict must not give away.
SECRETS = {
    "check_nt_xent": ("1.016", "0.883"),
    "check_temperature": ("7.389", "7.39"),
    "check_crossing": ("2,51", "251", "42.9", "310", "311"),
    "check_candidates": ("127", "8191", "8,191"),
    "check_growth": ("4", "1"),
    "check_loss_candidates": ("255", "128", "254"),
    "check_test_size": ("403", "4,03"),
}


WRONG = [
    pytest.param(check, answer, id=f"{check.__name__}: {answer.words}")
    for check, tried in TRIED.items()
    for answer in tried
    if check.__name__ in SECRETS and not answer.said.startswith("Right")
]


@pytest.mark.parametrize("check, answer", WRONG)
def test_no_verdict_gives_the_answer_away(check, answer):
    verdict = check(*answer.arguments)
    told = [s for s in SECRETS[check.__name__] if re.search(rf"(?<![\d.]){re.escape(s)}", verdict)]
    assert not told


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["check_training_step", "check_head", "check_frozen"])
def test_the_precision_of_the_notebook_does_not_matter(name, policy):
    keras.config.set_dtype_policy(policy)
    check = getattr(course, name)
    for answer in TRIED[check]:
        assert answer.said in check(*answer.arguments), answer.words


@pytest.mark.parametrize("sentence", MISTAKES)
def test_the_reference_loss_with_a_mistake_is_named(sentence):
    assert sentence == find_nt_xent_mistake(
        lambda *arguments: reference_nt_xent(*arguments, **MISTAKES[sentence])
    )


def test_the_answers_of_supcon_differ():
    random = np.random.default_rng(0)
    values = list(supcon_answers(random.normal(size=(8, 5)), np.arange(8) % 3, 0.4).values())
    gaps = np.abs(np.subtract.outer(values, values)) + np.eye(len(values))
    assert gaps.min() > 1e-3


@given(st.floats(0.01, 1e4), st.floats(0.01, 1e4))
def test_a_number_is_right_exactly_when_it_is_near(answer, expected):
    right = check_number(answer, expected, tolerance=0.01).startswith("Right")
    assert right == (abs(answer - expected) <= 0.01 * expected + 1e-12)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_prediction_is_right_exactly_when_it_is_near(guess, measured):
    verdict = check_prediction(guess, measured, 0.1)
    assert verdict.startswith("Right") == (abs(guess - measured) <= 0.1)
    assert ("too high" in verdict) == (guess > measured and not verdict.startswith("Right"))


@given(st.permutations(list("abcd")))
def test_one_order_is_right(order):
    verdict = check_order(order, {name: ord(name) for name in "abcd"})
    assert verdict.startswith("Right") == (order == sorted(order))


def test_the_table_has_a_row_for_each_answer(tmp_path):
    tried = {check_training_step: TRIED[check_training_step][-2:], check_order: TRIED[check_order]}
    page = exercise_table.write_table(tried, tmp_path / "page.md")
    assert page.count("\n| ") == 2 + 2 + len(TRIED[check_order])
    assert "10 of 10 answers are judged as they should be" in page
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page
