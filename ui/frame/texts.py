"""The words of the frame, by name, from a file of their language: no text of a button stands in the code."""

from functools import lru_cache
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "tutorials" / "words"


@lru_cache(maxsize=1)
def _words() -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load((FOLDER / "en.yaml").read_text("utf-8"))
    return found


def say(name: str, **values: object) -> str:
    """The words of that name with `values` in their places; raises KeyError for a name without words."""
    return _words()[name].format(**values)
