"""The words of the frame and of pages without a lesson, from files of their language: no text of a button stands in the code."""

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


@lru_cache(maxsize=8)
def sections(page: str) -> dict[str, str]:
    """The longer texts of a page by their headings, from a Markdown file; values stand in braces, as in `str.format`."""
    parts = ("\n" + (FOLDER / f"{page}.md").read_text("utf-8")).split("\n## ")[1:]
    return {heading.strip(): text.strip() for heading, _, text in (part.partition("\n") for part in parts)}
