"""The experiments behind every prediction, check question and claim: live numbers in, an answer in words out."""

from __future__ import annotations

import importlib
from functools import lru_cache

from ui.experiments.context import Context, Experiment, Finding

PAGES = ("patches", "query", "heads", "layers", "rollout", "entropy", "reading", "fields", "swin", "captions")

__all__ = ["PAGES", "Context", "Experiment", "Finding", "experiment", "experiments"]


@lru_cache(maxsize=1)
def experiments() -> dict[str, Experiment]:
    """Every experiment by its name, ``page.what``."""
    found: dict[str, Experiment] = {}
    for page in PAGES:
        module = importlib.import_module(f"ui.experiments.{page}")
        found.update({f"{page}.{name}": function for name, function in module.EXPERIMENTS.items()})
    return found


def experiment(name: str) -> Experiment:
    """The experiment of this name; raises KeyError, naming it, if a lesson refers to none."""
    return experiments()[name]
