"""The leaderboard's page in docs/ is what its file says, and no bundled model is missing from it."""

from __future__ import annotations

import json

from benchmarks.methods import DOC, FILE, document


def test_the_page_in_docs_is_what_was_measured() -> None:
    assert DOC.read_text(encoding="utf-8") == document(json.loads(FILE.read_text(encoding="utf-8")))
