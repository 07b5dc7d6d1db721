"""The verdicts of the default views, from a file that ``python -m benchmarks.claims`` writes, and what that file depends on."""

import hashlib
import inspect
import json
import sys
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from tutorials.claims import counting, defaults, fresh, many
from tutorials.claims.verdict import Verdict
from tutorials.findings import altered, controls, finding
from tutorials.lessons import lessons
from vit_attention import registry

FILE = Path(__file__).with_name("precomputed.json")
UNTRAINED = Path(registry.__file__).parent / "models" / "untrained.py"


def precomputed(name: str, model: str = "") -> Verdict | None:
    """The verdict of a claim in its page's default view; None if there is none.

    Args:
        name: of a finding, ``page.what``.
        model: of the view; "" takes the page's first.

    >>> precomputed("heads.no_such_finding") is None
    True
    """
    kept = known().get(model or defaults.models(name.partition(".")[0])[0], {}).get(name)
    return None if kept is None else loaded(kept["verdict"])


@lru_cache(maxsize=1)
def known() -> dict[str, dict[str, Any]]:
    """Everything in the file: model, then finding, to its verdict and the digests of what it was made from."""
    return dict(json.loads(FILE.read_text(encoding="utf-8"))) if FILE.exists() else {}


def loaded(kept: dict[str, Any]) -> Verdict:
    """A verdict from what `kept_of` made of it."""
    low, high = kept["interval"]
    interval = (float("nan"), float("nan")) if low is None or high is None else (low, high)
    return Verdict(**{**kept, "interval": interval, "controls": tuple((n, h, t) for n, h, t in kept["controls"])})


def kept_of(found: Verdict) -> dict[str, Any]:
    """A verdict as plain JSON: counts and p values, without sentences."""
    out = asdict(replace(found, text=""))
    out["interval"] = [None if end != end else round(end, 6) for end in found.interval]
    return out


def made_from(name: str, model: str) -> str:
    """Digest of what the numbers depend on: the source of the finding and of what runs it, and the model's weights."""
    parts = [sys.modules[finding(name).__module__], altered, controls, counting, defaults, fresh, many]
    words = [" ".join(inspect.getsource(part).split()) for part in parts]
    words += [" ".join(UNTRAINED.read_text(encoding="utf-8").split())]  # importing it would load torch
    path = registry.at_hand(model)
    files = [] if path is None else sorted(path.rglob("*")) if path.is_dir() else [path]
    weights = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()]
    return _digest(*words, *weights)


def said(name: str) -> str:
    """Digest of the claim's sentences in its lesson; of "" for a finding that no lesson claims."""
    for lesson in lessons().values():
        for claim in lesson.claims:
            if claim.finding == name:
                return _digest(claim.text, claim.test)
    return _digest("")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
