"""Sphinx's settings for `make book`, which builds from a copy of the pages in build/book."""

import re

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

project = "The SimCLR course"
author = copyright = "the authors of the SimCLR course"
extensions = ["myst_nb"]

# The site shows the outputs that the notebooks store.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
myst_enable_extensions = ["attrs_inline", "dollarmath"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["site.css"]
html_js_files = [("explorer.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_math_renderer = "mathml"

# latex2mathml makes an element of each letter of \mathrm{sim}, with gaps between them, and leaves
# no gap behind a function.
WORD = re.compile(r'(?:<mi mathvariant="normal">\w</mi>){2,}')
FUNCTION = re.compile(r"(<mi>[a-z]{2,}</mi>(?:</mrow>)?)(?=<m(?!o))")


def mathml(latex, display):
    """Returns a formula as MathML, which browsers draw without JavaScript."""
    text = convert(latex, display=display)
    text = WORD.sub(lambda word: f"<mi>{re.sub('<[^>]*>', '', word[0])}</mi>", text)
    return FUNCTION.sub(r'\1<mspace width="0.17em" />', text)


def visit_inline(visitor, node):
    """Writes a formula within a line."""
    visitor.body.append(mathml(node.astext(), "inline"))
    raise SkipNode


def visit_block(visitor, node):
    """Writes a formula that stands alone."""
    visitor.body.append(f'<div class="math">{mathml(node.astext(), "block")}</div>')
    raise SkipNode


def setup(app):
    """Registers the renderer of formulas."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
