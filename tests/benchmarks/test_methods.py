"""The leaderboard's page in docs/ is what its file says, and no bundled model is missing from it."""

from __future__ import annotations

import json

import pytest

import vit_attention as va
from benchmarks.methods import DOC, FILE, document, merged


def test_the_page_in_docs_is_what_was_measured() -> None:
    assert DOC.read_text(encoding="utf-8") == document(json.loads(FILE.read_text(encoding="utf-8")))


def test_every_bundled_model_stands_on_the_board() -> None:
    assert {*json.loads(FILE.read_text(encoding="utf-8"))} == {one.name for one in va.models() if one.bundled}


def test_rows_measured_anew_take_the_places_of_the_stored_ones_of_the_same_weights() -> None:
    stored = {"weights": "a", "rows": [{"name": "raw", "cases": 1}, {"name": "flow", "cases": 1}]}
    found = {"weights": "a", "rows": [{"name": "flow", "cases": 9}, {"name": "rise", "cases": 2}]}
    rows = merged(stored, found)["rows"]
    assert [(one["name"], one["cases"]) for one in rows] == [("raw", 1), ("flow", 9), ("rise", 2)]
    with pytest.raises(ValueError, match="other weights"):
        merged(stored, {**found, "weights": "b"})
