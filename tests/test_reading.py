"""Settings of how files are read: by Python, by `--set`, by a notebook's parameter."""

import pytest

from simclr_utils.cli.arguments import parse_settings
from simclr_utils.data.dataset import load_dataset
from simclr_utils.parameters import ParameterError, check
from simclr_utils.reading import READING_NAMES, Reading, how_to_set

WRONG = [
    {"resize": "stretch"},
    {"background": "whitish"},
    {"background": 3},
    {"value_range": (4095, 0)},
    {"value_range": (0, float("nan"))},
    {"value_range": 255},
    {"max_refused": 1.5},
    {"max_refused": "5%"},
    {"max_pixels": 0},
    {"finding": ""},
    {"finding": ["Edema", "Mass"]},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_value_is_named(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}=.*; expected"):
        Reading(**wrong)


def test_an_unknown_name_is_named():
    with pytest.raises(TypeError, match="no argument 'resise'"):
        load_dataset("shapes", resise="pad")


def test_the_command_line_gathers_them_into_the_parameter_of_the_notebooks():
    settings = parse_settings(["resize=pad", "width=8", "value_range=(0, 4095)"])
    assert settings == {"width": 8, "reading": {"resize": "pad", "value_range": [0, 4095]}}
    assert Reading(**settings["reading"]).resize == "pad"


@pytest.mark.parametrize("name", READING_NAMES)
def test_a_message_says_how_to_set_each(name):
    value = getattr(Reading(), name)
    assert f"--set {name}={value}" in how_to_set(name, value)


def test_the_command_line_says_what_a_setting_may_be():
    with pytest.raises(ParameterError, match="resize='stretch'; expected one of crop, pad, squash"):
        check("reading", parse_settings(["resize=stretch"])["reading"])
