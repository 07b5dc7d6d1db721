"""The table of pages: sections, addresses and titles; a page's file and its wing are found by its name."""

from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]


class Page(NamedTuple):
    """One page of the app.

    Attributes:
        section: of the menu; "" for the first page.
        name: its address, its file in `pages` and that of its lesson.
        title: for people.
        about: what it is for, where no lesson says so.
    """

    section: str
    name: str
    title: str
    about: str = ""


def _read() -> tuple[Page, ...]:
    sections = yaml.safe_load((ROOT / "ui" / "frame" / "pages.yaml").read_text("utf-8"))
    return tuple(
        Page(section, name, said["title"], said.get("about", ""))
        for section, pages in sections.items()
        for name, said in pages.items()
    )


PAGES = _read()
"""Every page in the order of the menu."""

FIRST = "ui.explore.start"
"""The module that draws the first page, which has no file of its own to run."""


def script(name: str) -> Path:
    """The page's file, absolute: a relative one breaks when a page runs alone."""
    return ROOT / "pages" / f"{name}.py"


def page(name: str) -> Page:
    """The page at this address; the first one at "" and at an address of none."""
    return next((one for one in PAGES if one.name == name), PAGES[0])


def lessons() -> tuple[Page, ...]:
    """The pages that teach, in the order of the course."""
    return tuple(one for one in PAGES if (ROOT / "tutorials" / "lessons" / f"{one.name}.md").exists())


def following(name: str) -> Page | None:
    """The next lesson; None after the last one, and for what is none."""
    names = [one.name for one in lessons()]
    place = names.index(name) + 1 if name in names else len(names)
    return lessons()[place] if place < len(names) else None
