"""What the README shows is what `results/` holds."""

from pathlib import Path

import publish_results

from simclr_utils import artifacts

ROOT = Path(__file__).resolve().parent.parent


def test_the_readme_shows_the_published_table():
    frame = artifacts.Results(ROOT / "results" / "cifar10.csv").frame()
    table = publish_results.markdown_table(artifacts.summarize(frame))
    assert table.count("\n") >= 6
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")
