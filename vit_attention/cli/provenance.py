"""What a file was made from, so that each input keeps its name and nothing is overwritten that another input made."""

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
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


def drawings_folder(folder: Path, item: Given, origin: Origin) -> Path:
    """`folder` for the drawings of a single input, or one inside it where those of another lie there already."""
    if drawings_owner(folder, origin) is not False:
        return folder
    return Shelf(folder, [item], drawings_owner).base(item, origin)


class Shelf:
    """Names for the files of one run in one folder.

    Args:
        folder: where they go.
        items: all inputs of the run.
        owner: tells whose a name is.
    """

    def __init__(self, folder: Path, items: Iterable[Given], owner: Owner) -> None:
        self.folder, self.owner = folder, owner
        self.kept = {folded(item.name) for item in items}
        self.used: set[str] = set()

    def base(self, item: Given, origin: Origin) -> Path:
        """FOLDER/NAME, to which endings are put: the name that the input had before, else the first that is free."""
        end = page_end(item.page)
        before = [safe(item.path.stem) + end, safe(item.path.name) + end, item.name]
        for name in (*before, *self._numbered(item.name, until_free=True)):
            if folded(name) not in self.used and self.owner(self.folder / name, origin):
                return self._taken(name)
        for name in self._numbered(item.name):
            if folded(name) not in self.used and self.owner(self.folder / name, origin) is not False:
                return self._taken(name)
        raise AssertionError  # numbers have no end

    def _numbered(self, name: str, until_free: bool = False) -> Iterator[str]:
        """The name itself, then those with a number that no other input of the run is called by."""
        yield name
        for one in (f"{name}-{count}" for count in itertools.count(2)):
            if folded(one) in self.kept:
                continue
            if until_free and self.owner(self.folder / one, Origin("", "")) is None:
                return
            yield one

    def _taken(self, name: str) -> Path:
        self.used.add(folded(name))
        return self.folder / name
