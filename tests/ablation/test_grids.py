"""The grids: each cell is a configuration that can be trained, and varies what its grid says."""

import pytest

from simclr_utils.ablation.cells import configure
from simclr_utils.ablation.grids import GRIDS, OPERATIONS, Cell, describe_grids
from simclr_utils.config import get_config


@pytest.mark.parametrize("name", GRIDS)
def test_every_cell_is_allowed_and_none_is_another(name):
    grid = GRIDS[name]
    found = {key: configure(grid, cell, "quick", "shapes") for key, cell in grid.cells.items()}
    cells = grid.cells.values()
    different = {
        (str(config), cell.line, cell.at)
        for config, cell in zip(found.values(), cells, strict=True)
    }
    assert len(different) == len(found)
    assert f"{name} " in describe_grids() and grid.words in describe_grids()
    assert not any("," in key or " " in key for key in found)  # for --cells a,b


def test_pairs_transform_one_view_only():
    cells = GRIDS["augmentation-pairs"].cells
    assert len(cells) == len(OPERATIONS) * (len(OPERATIONS) + 1) // 2 == 28
    config = configure(GRIDS["augmentation-pairs"], cells["crop+color"], "quick")
    assert set(dict(config.operations)) == {"crop", "color_jitter", "grayscale"}
    assert config.second_operations == ()
    assert set(dict(configure(GRIDS["augmentation-pairs"], cells["blur"], "quick").operations)) == {
        "blur"
    }


def test_what_is_equal_in_all_cells():
    base = get_config("quick", "shapes")

    def configs(name, equal):
        grid = GRIDS[name]
        cells = [cell for cell in grid.cells.values() if cell.equal == equal]
        return [configure(grid, cell, "quick", "shapes") for cell in cells]

    seen = {c.batch_size * c.pretraining_steps for c in configs("batch-size", "images")}
    assert seen == {base.batch_size * base.pretraining_steps}
    steps, epochs = configs("pool-size", "steps"), configs("pool-size", "epochs")
    sizes = [cell.pool for cell in GRIDS["pool-size"].cells.values() if cell.equal == "epochs"]
    assert {config.pretraining_steps for config in steps} == {base.pretraining_steps}
    expected = [base.pretraining_steps * size / 10_000 for size in sizes]
    assert [config.pretraining_steps for config in epochs] == expected
    assert steps[0].limits == {**base.limits, "unlabeled": None}


def test_a_setting_of_the_user_is_for_all_cells_but_not_for_what_they_vary():
    grid = GRIDS["temperature"]
    config = configure(grid, grid.cells["temperature=0.5"], "quick", None, {"width": 4})
    assert (config.temperature, config.width) == (0.5, 4)
    other = configure(grid, grid.cells["temperature=0.5"], "quick", None, {"temperature": 0.9})
    assert other.temperature == 0.5
    jitter = Cell("1", strengths={"color_jitter": 1.0})
    operations = dict(configure(grid, jitter, "quick").operations)
    assert operations == {**dict(get_config("quick").operations), "color_jitter": 1.0}
