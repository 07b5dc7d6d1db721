"""What a file was made from, so that each input keeps its name and nothing is overwritten that another input made."""

import hashlib
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from vit_attention.cli.files import folded, safe
from vit_attention.cli.inputs import Given, page_end
from vit_attention.gate import regular
from vit_attention.records import AttentionRecord

KEY = "made_from"
"""Where files say it: in the settings of a bundle, in a reading, in the text of a PNG."""


@dataclass(frozen=True)
class Origin:
    """An input, told without saying where on somebody's disk it lies.

    Attributes:
        place: digest of its path, or the name of a drawn picture.
        content: digest of its bytes, or that name.
    """

    place: str
    content: str

    @classmethod
    def of(cls, item: Given) -> "Origin":
        """The origin of an input; raises OSError for a file that cannot be read."""
        end = page_end(item.page)
        if not os.path.isfile(item.path):
            return cls(item.text, item.text)
        with item.path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()[:32]
        place = hashlib.sha256(os.fsencode(os.path.realpath(item.path))).hexdigest()[:32]
        return cls(place + end, content + end)

    @classmethod
    def of_pixels(cls, image: Image.Image) -> "Origin":
        """The origin of a picture that came from no file."""
        digest = hashlib.sha256(image.tobytes()).hexdigest()[:32]
        return cls(digest, digest)

    def made(self, told: Any) -> bool:
        """Whether what a file says of its origin is this input: the same place or the same bytes."""
        return isinstance(told, dict) and (told.get("place") == self.place or told.get("content") == self.content)

    def told(self) -> dict[str, str]:
        """For files that are made from it."""
        return asdict(self)

    def sign(self, record: AttentionRecord) -> AttentionRecord:
        """The record with a word on what it was made from."""
        return replace(record, settings={**record.settings, KEY: self.told()})


Note = Callable[[str], object]
Owner = Callable[[Path, Origin], bool | None]
"""Whether what lies under a name was made from an input: True, False for another's, None if nothing is there."""


def bundle_owner(base: Path, origin: Origin) -> bool | None:
    """Whose bundle BASE.npz is."""
    path = base.with_name(base.name + ".npz")
    if not os.path.lexists(path):
        return None
    try:
        return origin.made(AttentionRecord.load(regular(path)).settings.get(KEY))
    except Exception:
        return False  # features, say, or a bundle that is damaged


def drawings_owner(folder: Path, origin: Origin) -> bool | None:
    """Whose drawings lie in a folder."""
    drawn = [*folder.glob("attn_map_layer_*.png"), *folder.glob("heatmap_layer_*.png")] if folder.is_dir() else []
    return all(origin.made(_of_png(path)) for path in drawn) if drawn else None


def _of_png(path: Path) -> Any:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return json.loads(image.info.get(KEY, "null"))
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        return None


def drawings_folder(folder: Path, item: Given, origin: Origin, note: Note) -> Path:
    """`folder` for the drawings of a single input, or one inside it where those of another lie there already."""
    if drawings_owner(folder, origin) is not False:
        return folder
    inside = Shelf(folder, [item], drawings_owner).base(item, origin)
    note(f"{folder} holds drawings of another picture; those of {item.said} go to {inside}.")
    return inside


class Shelf:
    """Names for the files of one run in one folder.

    Args:
        folder: where they go.
        items: all inputs of the run.
        owner: tells whose a name is.
        note: is told of an input whose files are called otherwise than it is.
    """

    def __init__(self, folder: Path, items: Iterable[Given], owner: Owner, note: Note = lambda text: None) -> None:
        self.folder, self.owner, self.note = folder, owner, note
        self.kept = {folded(item.name) for item in items}
        self.used: dict[str, Given] = {}

    def base(self, item: Given, origin: Origin) -> Path:
        """FOLDER/NAME, to which endings are put: the name that the input had before, else the first that is free."""
        name = self._before(item, origin) or self._free(item, origin)
        if folded(name) not in self.used and name != item.name:
            self.note(f"{item.said}: its files are called {name}, so that those of other inputs stay.")
        self.used[folded(name)] = item
        return self.folder / name

    @contextmanager
    def claimed(self, item: Given, origin: Origin) -> Iterator[Path]:
        """`base`, which no other process gets while its files are written."""
        with _alone(self.folder):
            yield self.base(item, origin)

    def _before(self, item: Given, origin: Origin) -> str | None:
        """The name of files that are there and were made from the same input."""
        end = page_end(item.page)
        there = itertools.takewhile(
            lambda name: self.owner(self.folder / name, Origin("", "")) is not None, self._numbered(item.name)
        )
        names = itertools.chain((safe(item.path.stem) + end, safe(item.path.name) + end, item.name), there)
        return next((one for one in names if self._is_free(one, item) and self.owner(self.folder / one, origin)), None)

    def _free(self, item: Given, origin: Origin) -> str:
        """The input's name, or the first with a number, that neither another input of the run nor a file has."""
        names = (one for one in self._numbered(item.name) if one == item.name or folded(one) not in self.kept)
        return next(
            one for one in names if self._is_free(one, item) and self.owner(self.folder / one, origin) is not False
        )

    def _is_free(self, name: str, item: Given) -> bool:
        return self.used.get(folded(name), item) is item

    @staticmethod
    def _numbered(name: str) -> Iterator[str]:
        yield name
        yield from (f"{name}-{count}" for count in itertools.count(2))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps other processes that write to a folder waiting, where the system has locks for folders."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
