"""Neighbors, near-duplicates, and the page of both."""

import re

import keras
import numpy as np
import pytest
from image_folders import noise, save

from simclr_utils.__main__ import main
from simclr_utils.cli import search_query
from simclr_utils.deploy import neighbors
from simclr_utils.deploy.browsing import choose_shown, find_row
from simclr_utils.deploy.feature_files import read_features, write_features
from simclr_utils.deploy.neighbors import NeighborIndex, bytes_needed, near_duplicates, unit_length
from simclr_utils.deploy.ready import open_ready

FEATURES = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")


def test_neighbors_are_those_of_the_cosine():
    found = NeighborIndex(FEATURES).of_rows(np.arange(40), 5)
    unit = FEATURES / np.linalg.norm(FEATURES, axis=1, keepdims=True)
    similar = unit @ unit.T
    np.fill_diagonal(similar, -2)
    np.testing.assert_array_equal(found.rows, np.argsort(-similar, axis=1)[:, :5])
    np.testing.assert_allclose(found.cosines, -np.sort(-similar, axis=1)[:, :5], atol=1e-5)


def test_an_image_is_not_its_own_neighbor_even_among_equal_ones():
    index = NeighborIndex(np.ones((8, 3)))
    found = index.of_rows(np.arange(8), 4)
    assert not (found.rows == np.arange(8)[:, None]).any()
    assert index.of_rows([2], 50).rows.shape == (1, 7)
    with pytest.raises(ValueError, match="at least two images"):
        NeighborIndex(np.full((3, 2), np.nan))


@pytest.mark.parametrize("block", [3, 256])
def test_near_duplicates_are_linked_across_blocks(block, monkeypatch):
    monkeypatch.setattr(neighbors, "BLOCK", block)
    features = FEATURES.copy()
    features[[7, 30]] = features[2] * 3  # of another length
    features[39] = features[11]
    unit = unit_length(features)
    assert near_duplicates(unit, 0.9999) == [[2, 7, 30], [11, 39]]
    assert near_duplicates(unit_length(FEATURES), 0.9999) == []
    assert near_duplicates(unit_length(np.ones((9, 2))), 0.99) == [list(range(9))]


def test_a_hundred_thousand_images_fit_into_a_small_memory():
    assert bytes_needed(100_000, 256) == pytest.approx(0.333e9, rel=0.01)


def test_a_page_holds_no_more_images_than_asked():
    index = NeighborIndex(FEATURES)
    shown = choose_shown(index, [3], [[5, 6]], count=4, most=12)
    assert shown.rows[:3] == [3, 5, 6] and len(shown.rows) == len(set(shown.rows)) == 12
    assert set(shown.neighbors) == set(shown.rows)
    everything = choose_shown(index, [3], [], count=4, most=1000)
    assert len(everything.rows) <= 40


def tinted(seed):
    """Noise in a color of its own, so that features differ."""
    return noise(seed, size=16) // np.random.default_rng(seed).integers(1, 9, 3, dtype=np.uint8)


@pytest.fixture
def embedded(tmp_path, encoder_folder):
    """A folder of images with odd names, and the file of its features."""
    root = tmp_path / "pictures"
    for seed in range(6):
        save(root / f"a b/{seed}.png", tinted(seed))
    save(root / 'x"<script>.png', tinted(2))
    features = tmp_path / "features.npz"
    command = ["embed", str(root), "--encoder", str(encoder_folder), "--out", str(features)]
    assert main(command) == 0
    return root, features


def test_the_page_links_every_image_to_its_neighbors(embedded, tmp_path, capsys):
    root, features = embedded
    rest = ["--folder", str(root)]
    names, _ = read_features(features)
    values = FEATURES[: len(names)].copy()
    values[names.index('x"<script>.png')] = values[names.index("a b/2.png")]
    write_features(features, [(names, values)], values.shape[1])
    assert main(["search", str(features), str(root / "a b" / "2.png"), *rest]) == 0
    page = (tmp_path / "features_search.html").read_text(encoding="utf-8")
    targets, links = (
        set(re.findall(pattern, page)) for pattern in (r'id="(\w+)"', r'href="#(\w+)"')
    )
    assert links <= targets and len(targets) == 8
    assert page.count("data:image/jpeg") == 7 and str(tmp_path) not in page
    assert page.count("<h2>Nearest to ") == 8 and "<h3>2 images</h3>" in page
    assert "<script>" not in page and "x&#34;&lt;script&gt;.png" in page
    rows = (tmp_path / "features_search_duplicates.csv").read_text().splitlines()
    assert rows == ["group,file", "1,a b/2.png", '1,"x""<script>.png"']
    assert main(["search", str(features), "a b/2.png", *rest]) == 2
    assert "add --overwrite" in capsys.readouterr().err


def test_an_image_from_elsewhere_needs_the_encoder(embedded, encoder_folder, tmp_path, capsys):
    root, features = embedded
    other = save(tmp_path / "other.png", tinted(4))
    command = ["search", str(features), str(other), "--folder", str(root), "--overwrite"]
    assert main(command) == 2
    assert "Add --encoder" in capsys.readouterr().err
    assert main([*command, "--encoder", str(encoder_folder)]) == 0
    page = (tmp_path / "features_search.html").read_text(encoding="utf-8")
    start = page[page.index('<section id="start">') :]
    places = [start.index(each) for each in ("1.000", "/<wbr>4.png<", "/<wbr>0.png<")]
    assert places == sorted(places)
    assert main([*command[:2], "nothing.png", *command[3:]]) == 2
    assert "neither a file nor the name" in capsys.readouterr().err


def test_an_image_of_any_shape_is_scaled_as_the_others_were(tmp_path, monkeypatch):
    scaled = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalMaxPooling2D()])
    encoder = tmp_path / "any_size.keras"
    scaled.save(encoder)
    for seed in range(6):
        wide = np.concatenate([noise(seed, 30), tinted(seed).repeat(2, 0)[:30]], axis=1)
        save(tmp_path / f"wide/{seed}.png", wide)
    save(tmp_path / "other.png", wide)
    features = tmp_path / "features.npz"
    using = ["--encoder", str(encoder)]
    command = ["embed", str(tmp_path / "wide"), *using, "--out", str(features)]
    assert main([*command, "--image-size", "24"]) == 0
    sizes = []
    monkeypatch.setattr(
        search_query, "open_ready", lambda *asked: sizes.append(asked[1]) or open_ready(*asked)
    )
    command = ["search", str(features), str(tmp_path / "other.png"), *using]
    assert main([*command, "--folder", str(tmp_path / "wide")]) == 0
    page = (tmp_path / "features_search.html").read_text(encoding="utf-8")
    start = page[page.index('<section id="start">') :]
    assert sizes == [24] and start.index("1.000") < start.index("5.png</span>")


def test_an_image_is_found_by_its_name_or_its_path(tmp_path):
    names = ["a b/0.png", "c.png"]
    assert find_row("c.png", tmp_path, names) == 1
    assert find_row(tmp_path / "a b" / "0.png", tmp_path, names) == 0
    assert find_row(tmp_path.parent / "c.png", tmp_path, names) is None
