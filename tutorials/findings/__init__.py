"""The findings behind every prediction, check question and claim: live numbers in, an answer in words out."""

import importlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from tutorials.findings.context import Context, Finding

__all__ = ["Context", "Finding", "finding", "findings"]


@lru_cache(maxsize=1)
def findings() -> dict[str, Callable[[Any], Finding]]:
    """Every finding by its name, ``page.what``: the public functions of a page's file that return a `Finding`."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        module = importlib.import_module(f"{__name__}.{path.stem}")
        for name, one in vars(module).items():
            own = not name.startswith("_") and getattr(one, "__module__", "") == module.__name__
            if own and getattr(one, "__annotations__", {}).get("return") is Finding:
                found[f"{path.stem}.{name}"] = one
    return found


def finding(name: str) -> Callable[[Any], Finding]:
    """The finding of this name; raises KeyError, naming it, if a lesson refers to none."""
    return findings()[name]
