"""Presets and what may be changed in them."""

import json
from dataclasses import FrozenInstanceError, asdict, fields, make_dataclass, replace

import pytest

from simclr_utils import config as config_module
from simclr_utils.config import PRESETS, Config, describe_changes, get_config, identity, restore
from simclr_utils.parameters import PRESET_NAMES


def test_the_presets_grow():
    tiny, quick, laptop, full = (get_config(name) for name in PRESETS)
    assert tuple(PRESETS) == PRESET_NAMES
    assert full == Config() and full.limits is None and get_config() == quick
    assert tiny.pretraining_steps < quick.pretraining_steps < full.pretraining_steps
    assert quick.pretraining_steps < laptop.pretraining_steps and laptop.limits is None
    assert max(tiny.label_counts) < max(quick.label_counts) < max(full.label_counts)
    assert quick.operations == full.operations  # the same method, in less time


def test_the_full_preset_is_what_the_results_are_promised_for():
    full = get_config("full")
    assert full.label_counts == (100, 250, 500, 1000, 10_000) and full.num_subsets == 10


def test_values_are_replaced_and_none_keeps_the_preset():
    config = get_config("tiny", temperature=0.5, batch_size=None, operations=(("crop", 1.0),))
    expected = replace(PRESETS["tiny"], temperature=0.5, operations=(("crop", 1.0),))
    assert config == expected and config.batch_size == 32
    assert PRESETS["tiny"].temperature == 0.1  # the preset itself stays
    assert get_config("full", weight_decay=0.0).weight_decay == 0  # 0 is a value


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"Unknown preset 'fast'. Choose from \['tiny', 'quick'"):
        get_config("fast")
    with pytest.raises(ValueError, match=r"Unknown settings \['epochs'\]. Choose from \['encoder"):
        get_config("quick", epochs=3)
    with pytest.raises(ValueError, match="epochs"):
        get_config("quick", epochs=None)


def test_a_configuration_is_frozen_and_small():
    with pytest.raises(FrozenInstanceError):
        get_config().temperature = 1.0
    assert len(fields(Config)) <= 27


def test_a_record_gives_back_the_configuration():
    config = get_config("tiny", operations=(("crop", (0.5, 0.8)), ("flip", 1.0)))
    assert restore(json.loads(json.dumps(asdict(config)))) == config


def test_views_as_a_dict_and_as_pairs_are_one_setting():
    pairs = replace(Config(), operations=(("crop", 0.5), ("flip", 1.0)))
    assert replace(Config(), operations={"crop": 0.5, "flip": 1.0}) == pairs
    assert describe_changes({"operations": {"crop": 0.5, "flip": 1.0}}, pairs) == []
    assert describe_changes({"operations": [["crop", 0.5]]}, pairs) != []


def test_a_field_that_a_record_lacks_has_its_default():
    stored = asdict(Config())
    del stored["temperature"]
    assert describe_changes(stored, Config()) == []
    assert describe_changes(stored, replace(Config(), temperature=0.5)) == [
        "temperature is 0.1 there and 0.5 here"
    ]


def test_a_new_field_of_the_dataclass_orphans_no_record(monkeypatch):
    stored = asdict(get_config("tiny"))
    grown = make_dataclass("Config", [("augmenter", str, "random")], bases=(Config,), frozen=True)
    monkeypatch.setattr(config_module, "Config", grown)
    tiny = grown(**stored)
    assert "augmenter" in identity(tiny) and describe_changes(stored, tiny) == []
    assert describe_changes(stored, replace(tiny, augmenter="none")) == [
        "augmenter is 'random' there and 'none' here"
    ]


def test_a_record_of_a_later_version_is_refused():
    with pytest.raises(ValueError, match=r"\['warp'\], which this version .* does not know"):
        restore({**asdict(Config()), "warp": 9})


def test_only_what_matters_holds_a_study_and_its_encoders():
    encoder, study = identity(Config(), ("pretraining",)), identity(Config())
    assert {"temperature", "operations", "pretraining_steps"} <= set(encoder) < set(study)
    evaluation = {"supervised_steps_factor", "search", "metric", "class_weight", "limits"}
    assert set(study) - set(encoder) == evaluation
    assert not {"label_counts", "num_subsets"} & set(study)
