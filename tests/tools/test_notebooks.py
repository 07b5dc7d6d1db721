"""The notebooks: their cells run from first to last, and what is stored in them is complete and small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.notebooks import FOLDER, run

BOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_three() -> None:
    assert [one.stem for one in BOOKS] == ["any_model", "picture", "reader"]


@pytest.mark.slow
@pytest.mark.parametrize("path", BOOKS, ids=lambda one: one.stem)
def test_a_notebook_runs_and_gives_as_much_as_is_stored(path: Path) -> None:
    stored = json.loads(path.read_text("utf-8"))
    again = json.loads(path.read_text("utf-8"))
    run(again)
    kinds = [
        [[*(one.get("data") or [one["name"]])] for one in cell["outputs"]]
        for book in (stored, again)
        for cell in book["cells"]
        if cell["cell_type"] == "code"
    ]
    assert kinds[: len(kinds) // 2] == kinds[len(kinds) // 2 :]


@pytest.mark.parametrize("path", BOOKS, ids=lambda one: one.stem)
def test_what_is_stored_can_be_read_on_the_web(path: Path) -> None:
    book = json.loads(path.read_text("utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == [*range(1, len(code) + 1)]
    assert (
        any("image/png" in one.get("data", {}) for cell in code for one in cell["outputs"]) or path.stem == "any_model"
    )
    assert path.stat().st_size < 600_000
    assert str(Path.home()) not in path.read_text("utf-8")
