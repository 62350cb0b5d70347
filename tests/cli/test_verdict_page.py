"""The page for a colleague is one file, says the verdict first, and escapes what it is given."""

import base64
import re

import pandas as pd

from simclr_utils.cli.pages import write_page


def test_one_file_with_everything_in_it(tmp_path):
    path = tmp_path / "run" / "verdict.html"
    table = pd.DataFrame({"method": ["<probe>"], "mean": [0.5]})
    sections = {"Data": "two\nlines & more", "Table": table, 'A "picture"': b"\x89PNG"}
    write_page(
        path, "Cats <or> dogs", ["At 5 labels, it gains."], sections, {"versions": {"numpy": "2"}}
    )
    page = path.read_text(encoding="utf-8")
    assert page.index("At 5 labels") < page.index("two\nlines &amp; more") < page.index("numpy")
    assert "<h1>Cats &lt;or&gt; dogs</h1>" in page and "&lt;probe&gt;" in page
    assert base64.b64encode(b"\x89PNG").decode() in page and "&quot;picture&quot;" in page
    assert not re.search(r'(src|href)="(?!data:)', page) and "http" not in page
