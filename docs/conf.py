"""How the documentation is built: `make docs` writes build/docs/index.html."""

import re
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Any

try:
    release = installed("sightlines")
except PackageNotFoundError:  # run from its folder, not installed
    release = ""

project = "Sightlines"
author = "the Sightlines authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_click"]
html_theme = "furo"
html_title = "Sightlines"
smartquotes = False  # two dashes are an option
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
napoleon_custom_sections = [("Options of attend", "params_style")]
napoleon_use_ivar = True  # else an attribute of a NamedTuple is described twice
default_role = "code"  # docstrings write names in single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the Args say what a caller needs; the full types make signatures of six lines
autodoc_typehints_format = "short"


def plain(_app: Any, _context: Any, lines: list[str]) -> None:
    """What click keeps as it is, examples above all, becomes code; stars and underlines elsewhere are themselves."""
    text = re.sub(r"(?:^\| .*\n?)+", _code, "\n".join(lines), flags=re.MULTILINE)
    kept = ("    ", ".. ")  # code, and directives, which take their argument as it is
    lines[:] = [line if line.startswith(kept) else re.sub(r"([*_])", r"\\\1", line) for line in text.split("\n")]


def _code(found: re.Match[str]) -> str:
    return "::\n\n" + re.sub(r"^\| ", "    ", found[0], flags=re.MULTILINE) + "\n"


def setup(app: Any) -> None:
    """Called by Sphinx."""
    for part in ("description", "usage", "options", "arguments"):
        app.connect(f"sphinx-click-process-{part}", plain)
