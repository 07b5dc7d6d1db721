"""What a file was made from, so that each input keeps its name and nothing is overwritten that another input made."""

import hashlib
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
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
    def of_text(cls, text: str) -> "Origin":
        """The origin of a sentence."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return cls(digest, digest)

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
Says = Callable[[Path], list[Any]]
"""What the files under a name say of their origin, an entry each; none where nothing is there."""


def bundle_says(base: Path) -> list[Any]:
    """What BASE.npz says of its origin."""
    path = base.with_name(base.name + ".npz")
    if not os.path.lexists(path):
        return []
    try:
        return [AttentionRecord.load(regular(path)).settings.get(KEY)]
    except Exception:
        return [None]  # features, say, or a bundle that is damaged


def drawings_say(folder: Path) -> list[Any]:
    """What the drawings in a folder say of their origin."""
    drawn = [*folder.glob("attn_map_layer_*.png"), *folder.glob("heatmap_layer_*.png")] if folder.is_dir() else []
    return [_of_png(path) for path in drawn]


def _of_png(path: Path) -> Any:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return json.loads(image.info.get(KEY, "null"))
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        return None


def drawings_folder(folder: Path, item: Given, origin: Origin, note: Note) -> Path:
    """`folder` for the drawings of a single input, or one inside it where those of another lie there already."""
    if all(map(origin.made, drawings_say(folder))):
        return folder
    inside = Shelf(folder, [item], drawings_say).base(item, origin)
    note(f"{folder} holds drawings of another picture; those of {item.said} go to {inside}.")
    return inside


class Shelf:
    """Names for the files of one run in one folder.

    Args:
        folder: where they go.
        items: all inputs of the run.
        says: what the files under a name say of their origin.
        note: is told of an input whose files are called otherwise than it is.
    """

    def __init__(self, folder: Path, items: Iterable[Given], says: Says, note: Note = lambda text: None) -> None:
        self.folder, self.says, self.note = folder, says, note
        self.kept = {folded(item.name) for item in items}
        self.used: dict[str, Given] = {}

    def base(self, item: Given, origin: Origin) -> Path:
        """FOLDER/NAME, to which endings are put: the name that the input had before, else the first that is free."""
        end = page_end(item.page)
        before = (safe(item.path.stem) + end, safe(item.path.name) + end)
        names = (item.name if n == 1 else f"{item.name}-{n}" for n in itertools.count(1))
        old = (one for one in before if self._whose(one, item, origin) == "its own")
        new = (one for one in names if self._whose(one, item, origin) != "another's")
        name = next(itertools.chain(old, new))
        if folded(name) not in self.used and name != item.name:
            self.note(f"{item.said}: its files are called {name}, so that those of other inputs stay.")
        self.used[folded(name)] = item
        return self.folder / name

    @contextmanager
    def claimed(self, item: Given, origin: Origin) -> Iterator[Path]:
        """`base`, which no other process gets while its files are written."""
        with _alone(self.folder):
            yield self.base(item, origin)

    def _whose(self, name: str, item: Given, origin: Origin) -> str:
        if self.used.get(folded(name), item) is not item:
            return "another's"
        if told := self.says(self.folder / name):
            return "its own" if all(map(origin.made, told)) else "another's"
        return "nobody's" if name == item.name or folded(name) not in self.kept else "another's"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps other processes that write to a folder waiting, where the system has locks for folders."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with ExitStack() as stack:
        with suppress(OSError):  # no locks here, or no folder, which the writing will tell
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
