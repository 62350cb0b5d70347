"""The primary comparison: named by rule or by the user, and kept once there are results."""

import pytest

from simclr_utils.cli.run_folder import RunError
from simclr_utils.cli.study import parse_primary
from simclr_utils.files import load_json, save_json
from simclr_utils.study.identity import StudyError
from simclr_utils.study.primary import METHOD, Primary, name_primary


def test_the_rule_is_fine_tuning_at_the_most_labels(tmp_path):
    assert name_primary(tmp_path, (20, 90)) == Primary(METHOD, 90)
    assert load_json(tmp_path / "run.json")["study"]["primary"] == {"method": METHOD, "labels": 90}
    assert name_primary(tmp_path, ()) is None


def test_more_label_counts_do_not_move_it(tmp_path):
    first = name_primary(tmp_path, (20, 90))
    assert name_primary(tmp_path, (20, 90, 500)) == first == name_primary(tmp_path, (20,))


def test_it_may_be_chosen_as_long_as_there_are_no_results(tmp_path):
    save_json(tmp_path / "run.json", {"source": "shapes", "study": {"preset": "tiny"}})
    name_primary(tmp_path, (20, 90))
    chosen = name_primary(tmp_path, (20, 90), ("linear_probe", 20))
    assert chosen == Primary("linear_probe", 20) == name_primary(tmp_path, (20, 90))
    record = load_json(tmp_path / "run.json")
    assert record["source"] == "shapes" and record["study"]["preset"] == "tiny"
    save_json(tmp_path / "tuning.json", {})  # a result
    assert name_primary(tmp_path, (20, 90), chosen) == chosen
    with pytest.raises(StudyError, match="is linear_probe at 20 labels. It cannot become fine_t"):
        name_primary(tmp_path, (20, 90), (METHOD, 90))


def test_results_without_a_record_keep_to_the_rule(tmp_path):
    save_json(tmp_path / "tuning.json", {})
    with pytest.raises(StudyError, match=f"is {METHOD} at 90 labels"):
        name_primary(tmp_path, (20, 90), ("linear_probe", 20))
    assert name_primary(tmp_path, (20, 90), (METHOD, 90)) == Primary(METHOD, 90)


@pytest.mark.parametrize(
    ("asked", "message"),
    [(("chance", 20), "of 'chance'. Choose one of"), ((METHOD, 30), "at 30 labels.*at 20, 90")],
)
def test_a_comparison_that_is_not_made_is_refused(tmp_path, asked, message):
    with pytest.raises(StudyError, match=message):
        name_primary(tmp_path, (20, 90), asked)
    assert not (tmp_path / "run.json").exists()


def test_the_option_is_read():
    assert parse_primary("fine_tuned@1_000") == ("fine_tuned", 1000)
    assert parse_primary(None) is None
    for wrong in ("fine_tuned", "@5", "fine_tuned@many"):
        with pytest.raises(RunError, match="--primary fine_tuned@500"):
            parse_primary(wrong)
