"""Pictures as the command line names them: files, globs, folders, bundles, and the drawn and sample pictures by name."""

import glob
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.files import distinct
from vit_attention.gate import GateError, read_file, regular, tiff
from vit_attention.inputs.finding import matching, within
from vit_attention.inputs.pictures import open_picture

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class Given:
    """One input before it is opened.

    Attributes:
        text: as the user wrote it, or as a glob or folder gave it.
        name: for folders and files made of it; no two inputs of a run share one.
        page: which page of a file with several, from 1; 0 for a file of one.
    """

    text: str
    name: str
    page: int = 0

    @property
    def said(self) -> str:
        """What it is called in messages."""
        return f"{self.text}, page {self.page}" if self.page else self.text

    @property
    def path(self) -> Path:
        return Path(self.text)

    @property
    def suffix(self) -> str:
        """Of the path, in small letters."""
        return self.path.suffix.lower()


@dataclass(frozen=True, eq=False)
class Opened:
    """A picture ready for a model.

    Attributes:
        image: upright RGB.
        title: for people.
        truth: (height, width) mask of the named objects, for drawn scenes, or of the main object of a photograph.
        notes: what was done while opening it, in sentences.
    """

    image: Image.Image
    title: str
    truth: Any = None
    notes: tuple[str, ...] = ()


def expand(texts: Sequence[str], folders: bool = False) -> list[Given]:
    """Every input once, in the order given; globs, the pages of TIFF files and, if wanted, folders are opened up."""
    found: list[str] = []
    for text in texts:
        if text in ("", "-"):
            got = "standard input" if text else "an empty text"
            raise ChoiceError(f"want the name of a file or of a drawn picture, got {got}")
        if folders and os.path.isdir(text):
            found += within(text)
        elif glob.has_magic(text) and not os.path.lexists(text):
            found += matching(text) or [text]
        else:
            found.append(text)
    once = list(dict.fromkeys(found))
    named = [Given(text, name) for text, name in zip(once, distinct(map(Path, once)), strict=True)]
    return [page for one in named for page in _pages(one)]


def _pages(given: Given) -> list[Given]:
    """The pages of a file; the file itself if there is one, or nobody can say how many."""
    try:
        with open(regular(given.path), "rb") as stream:
            if stream.read(4) not in _TIFF:
                return [given]
        pages, more = tiff.pages(read_file(given.path, "picture file"), given.text)
    except (GateError, OSError):  # what opens it will say why
        return [given]
    if more or len(pages) < 2:
        return [given]
    return [Given(given.text, given.name + page_end(n), n) for n in range(1, len(pages) + 1)]


def page_end(page: int) -> str:
    """What the files of a page are called beside the name of its file: nothing for the first, then -page-2 and so on."""
    return f"-page-{page}" if page > 1 else ""


def is_bundle(path: Path) -> bool:
    """Whether a file is a saved record, by its manifest."""
    try:
        with zipfile.ZipFile(regular(path)) as archive:
            return "manifest.npy" in archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def opened(given: Given) -> Opened:
    """The picture behind an input; a file goes before a drawn picture of the same name.

    Raises:
        PictureError: it cannot be opened; says why.
    """
    if not os.path.lexists(given.path):
        drawn = by_name(given.text)
        if drawn is not None:
            return drawn
    if os.path.isdir(given.path) and not os.access(given.path, os.R_OK | os.X_OK):
        raise GateError(given.text, "a folder that may be looked into", "no right to")
    ready = open_picture(given.path, page=given.page or 1)
    if given.page:  # the last note says that the other pages are left out, which they are not
        title = f"{given.path.name}, page {given.page}"
        return Opened(ready.image, title, notes=(*ready.notes[:-1], f"Page {given.page} of several."))
    return Opened(ready.image, given.path.name, notes=ready.notes)


def by_name(text: str) -> Opened | None:
    """A drawn picture (scene-7, receipt-3-2, invented-3-2, form-1) or a sample photograph (coffee), else None."""
    from worlds.naming import parse

    name = parse(text)
    made = None if name is None else name.draw()
    picture = getattr(made, "picture", None)  # a review has none
    if name is None or picture is None:
        return None
    return Opened(open_picture(picture).image, name.title, getattr(made, "mask", None))
