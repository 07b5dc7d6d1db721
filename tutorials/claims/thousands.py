"""The verdicts of the default views on thousands of pictures, from a file that ``python -m benchmarks.thousands`` writes."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from tutorials.claims import defaults
from tutorials.claims.precomputed import loaded, made_from
from tutorials.claims.verdict import Verdict

FILE = Path(__file__).with_name("thousands.json")


def thousands(name: str, model: str = "") -> Verdict | None:
    """The verdict of a claim in its page's default view on as many pictures as were run; None if none were, or other code ran them.

    Args:
        name: of a finding, ``page.what``.
        model: of the view; "" takes the page's first.

    >>> thousands("heads.no_such_finding") is None
    True
    """
    model = model or defaults.models(name.partition(".")[0])[0]
    kept = known().get(model, {}).get(name)
    return None if kept is None or kept["made_from"] != _now(name, model) else loaded(kept["verdict"])


@lru_cache(maxsize=1)
def known() -> dict[str, dict[str, Any]]:
    """Everything in the file: model, then finding, to its verdict and the digest of what it was made from."""
    return dict(json.loads(FILE.read_text(encoding="utf-8"))) if FILE.exists() else {}


@lru_cache(maxsize=256)
def _now(name: str, model: str) -> str:
    return made_from(name, model)  # which reads the weights
