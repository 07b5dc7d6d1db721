"""The findings behind every prediction, check question and claim: live numbers in, an answer in words out."""

import importlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tutorials.findings.context import Context, Finding

PAGES = (
    "whole",
    "patches",
    "query",
    "values",
    "heads",
    "head_kinds",
    "parts",
    "features",
    "layers",
    "rollout",
    "entropy",
    "reading",
    "fields",
    "swin",
    "captions",
    "refiner",
    "padding",
    "labels",
)

__all__ = ["PAGES", "Context", "Finding", "finding", "findings"]


@lru_cache(maxsize=1)
def findings() -> dict[str, Callable[[Any], Finding]]:
    """Every finding by its name, ``page.what``: the public functions of a page's file that return a `Finding`."""
    return {
        f"{page}.{name}": function
        for page in PAGES
        for name, function in vars(importlib.import_module(f"tutorials.findings.{page}")).items()
        if not name.startswith("_") and getattr(function, "__annotations__", {}).get("return") is Finding
    }


def finding(name: str) -> Callable[[Any], Finding]:
    """The finding of this name; raises KeyError, naming it, if a lesson refers to none."""
    return findings()[name]
