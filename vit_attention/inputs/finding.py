"""Files that a folder or a glob stands for: sorted, each once, and no folder entered twice, whatever links lead to it."""

import glob
import os
from collections.abc import Iterable, Iterator

from vit_attention.gate import LIMITS

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
"""File names that count as pictures when a folder is read."""


def within(folder: str) -> list[str]:
    """The pictures in a folder, without those of folders inside; the folder itself if it may not be looked into."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return [folder]  # what opens it will say why
    paths = [os.path.join(folder, name) for name in names if not name.startswith(".")]
    return [path for path in paths if path.lower().endswith(SUFFIXES) and os.path.isfile(path)]


def matching(pattern: str) -> list[str]:
    """What a glob finds; ``**`` stands for any number of folders.

    Raises:
        GateError: more folders than anybody means.
    """
    found = sorted(_matching(pattern))
    return _each_once(filter(os.path.isfile, found) if "**" in pattern else found)


def _matching(pattern: str) -> Iterator[str]:
    # glob's own ** follows links for ever in a folder that contains itself.
    head, stars, tail = pattern.partition("**")
    if not stars or head[-1:] not in ("", "/", os.sep) or tail[:1] not in ("", "/", os.sep):
        yield from glob.iglob(pattern)
        return
    for start in glob.glob(head) if head else [""]:
        for folder in _folders(start):
            yield from _matching(os.path.join(glob.escape(folder), tail.lstrip(f"/{os.sep}") or "*"))


def _folders(start: str) -> Iterator[str]:
    """A folder and all below it, hidden ones left out, each real folder once."""
    seen: set[str] = set()
    for folder, inside, _files in os.walk(start or ".", followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            inside.clear()
            continue
        seen.add(real)
        LIMITS["folders"].check(len(seen), f"{start}**", advice="Name a folder further down.")
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield folder if start else os.path.relpath(folder).removeprefix(".")


def _each_once(paths: Iterable[str]) -> list[str]:
    """Files that several links lead to once, by the first of their names."""
    return list({os.path.realpath(path): path for path in reversed(list(paths))}.values())[::-1]
