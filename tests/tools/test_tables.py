"""The tables in docs/ are those of the code."""

from __future__ import annotations

import pytest

from tools import tables


@pytest.mark.parametrize("name", sorted(tables.documents()))
def test_docs_hold_the_tables_of_the_code(name: str) -> None:
    assert (tables.DOCS / name).read_text(encoding="utf-8") == tables.documents()[name], "run python -m tools.tables"
