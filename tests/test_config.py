"""Presets and what may be changed in them."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from simclr_utils.config import PRESETS, Config, get_config
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
    assert full.label_counts == (100, 250, 500, 1000, 10_000) and full.num_subsets == 3


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
    assert len(fields(Config)) <= 15
