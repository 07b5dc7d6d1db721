"""From what somebody names to pictures in shards."""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vit_attention.gate import GateError, shown
from vit_attention.inputs.finding import matching, within
from vit_attention.surveying.grouped import Columns, Group, Grouped, Tar, batches, content, row_groups
from vit_attention.surveying.items import Item, Source
from vit_attention.surveying.listed import Listed, lines
from worlds.naming import parse, parse_range

LISTS = (".txt", ".lst")
"""File names that count as text lists of pictures."""
ENDING = "Let the pattern end as the names of the files do, such as '*.jpg'."


def source_of(
    pictures: Any,
    *,
    shard_size: int = 64,
    shuffle: int | None = None,
    first: int | None = None,
    columns: Columns | None = None,
) -> Source:
    """The pictures that were named, in shards.

    Args:
        pictures: one or several of: a folder, a glob, a picture's file, a drawn picture's name, a range of these such as
            ``scene-1..5000``, a text file that lists names (.txt, .lst); or Parquet files (.parquet), tar shards (.tar) or
            folders of a data set that the `datasets` library saved; or a data set of that library; or pictures in a list.
        shard_size: pictures of a shard, of those that do not lie together in files: a row group, a batch and a tar are each one.
        shuffle: seed of their order; None keeps it. Of pictures in files together the order of the files' groups, and that within.
        first: how many of them; None takes all.
        columns: where the pictures and their truth are in a table or a tar.

    Raises:
        GateError: nothing there, columns of pictures that have none, or pictures that lie together beside others that do not.
    """
    columns = columns or Columns()
    if hasattr(pictures, "column_names") and hasattr(pictures, "__getitem__"):
        return Listed([_Rows(pictures, columns)], "a data set", shard_size, shuffle, first)
    one = isinstance(pictures, (str, os.PathLike)) or not isinstance(pictures, Iterable)
    given: Sequence[Any] = [pictures] if one else list(pictures)
    listed: list[Sequence[Any]] = []
    grouped: list[Group] = []
    for one in given:
        _open_up(one, columns, listed, grouped)
    if bool(listed) == bool(grouped):
        want = "pictures, or files that hold some together (.parquet, .tar, a saved data set)"
        raise GateError("pictures", want, "both" if listed else "none")
    text = ", ".join(str(one) if isinstance(one, (str, os.PathLike)) else "a picture" for one in given[:3])
    text += f" and {len(given) - 3} more" if len(given) > 3 else ""
    if not grouped and columns != Columns():
        want, got = "files that hold pictures in columns: Parquet, tars, a saved data set", "pictures each by itself"
        raise GateError("column", want, got, advice="Leave the columns out.")
    _there(listed)
    if grouped:
        return Grouped(grouped, text, shuffle, first)
    return Listed(listed, text, shard_size, shuffle, first)


class _Rows(Sequence[Any]):
    """The pictures of a data set of the `datasets` library, each read when it is asked for."""

    def __init__(self, rows: Any, columns: Columns) -> None:
        self.rows, self.columns = rows, columns.found(rows.column_names, "data set")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: Any) -> Any:
        row, where = self.rows[int(at)], self.columns
        mask = content(row.get(where.mask), Path())
        return Item(f"row {at}", content(row[where.picture], Path()), mask, row.get(where.box))


def _open_up(one: Any, columns: Columns, listed: list[Sequence[Any]], grouped: list[Group]) -> None:
    """Adds what one of the things that were given stands for."""
    if not isinstance(one, (str, os.PathLike)):
        listed.append([one])
        return
    text = os.fspath(one)
    if os.path.isdir(text):
        _folder(text, columns, listed, grouped)
    elif glob.has_magic(text) and not os.path.lexists(text):
        _pattern(text, columns, listed, grouped)
    elif text.endswith(".parquet"):
        grouped.extend(row_groups(Path(text), columns))
    elif text.endswith(".tar"):
        grouped.append(Tar(Path(text), columns))
    elif text.endswith(LISTS):
        listed.append(lines(Path(text)))
    else:
        listed.append(parse_range(text) or [text])


def _there(listed: Sequence[Sequence[Any]]) -> None:
    """Raises GateError if nothing that was named is there: a word that was spelled wrongly is no survey of one damaged picture."""
    names = [os.fspath(part[0]) for part in listed if len(part) == 1 and isinstance(part[0], (str, os.PathLike))]
    gone = [one for one in names if not (os.path.lexists(one) or parse(one))]
    if gone and len(gone) == len(listed):
        want = "a picture, a folder, a pattern or a list that is there, or drawn pictures such as scene-1..5000"
        raise GateError(gone[0] or "pictures", want, "none of this name")


def _pattern(text: str, columns: Columns, listed: list[Sequence[Any]], grouped: list[Group]) -> None:
    """What a glob finds: pictures, or files and folders that hold some."""
    files = matching(text)
    if not files:
        raise GateError(text, "a pattern that some file's name fits", "no such file")
    holding = [one for one in files if one.endswith((".parquet", ".tar", *LISTS)) or os.path.isdir(one)]
    if not holding:
        listed.append(files)
    elif len(holding) < len(files):
        got = f"both, such as {os.path.basename(holding[0])}"
        raise GateError(
            text, "a pattern for pictures alone, or for files and folders that hold some", got, advice=ENDING
        )
    for one in holding:
        _open_up(one, columns, listed, grouped)


def _folder(text: str, columns: Columns, listed: list[Sequence[Any]], grouped: list[Group]) -> None:
    names = sorted(os.listdir(text))
    inside = [os.path.join(text, name) for name in names if name.endswith((".parquet", ".tar"))]
    if "state.json" in names and any(name.endswith(".arrow") for name in names):
        grouped.extend(batches(Path(text), columns))
    elif inside:
        for name in inside:
            _open_up(name, columns, listed, grouped)
    elif files := within(text):
        listed.append(files)
    else:
        raise GateError(
            text,
            "a folder with pictures, Parquet files or tar shards in it",
            shown(names[:3]) if names else "an empty one",
        )
