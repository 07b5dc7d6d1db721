"""The tables in docs/ are those of the code."""

from __future__ import annotations

import pytest

from tools import outlines, tables


@pytest.mark.parametrize("name", sorted(tables.documents()))
def test_docs_hold_the_tables_of_the_code(name: str) -> None:
    assert (tables.DOCS / name).read_text(encoding="utf-8") == tables.documents()[name], "run python -m tools.tables"


def test_the_page_of_photographs_is_that_of_the_code() -> None:
    written = (outlines.FOLDER / "README.md").read_text(encoding="utf-8")
    assert written == outlines.page(), "run python -m tools.outlines"
