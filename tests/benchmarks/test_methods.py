"""The leaderboard's page in docs/ is what its file says, and no bundled model is missing from it."""

from __future__ import annotations

import json

import vit_attention as va
from benchmarks.methods import DOC, FILE, document


def test_the_page_in_docs_is_what_was_measured() -> None:
    assert DOC.read_text(encoding="utf-8") == document(json.loads(FILE.read_text(encoding="utf-8")))


def test_every_bundled_model_stands_on_the_board() -> None:
    assert {*json.loads(FILE.read_text(encoding="utf-8"))} == {one.name for one in va.models() if one.bundled}
