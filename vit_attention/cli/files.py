"""Files that appear whole or not at all, under names that fit every system."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

_UNSAFE = re.compile(r"[^\w.\-]+")


def write(path: Path, fill: Callable[[BinaryIO], object]) -> Path:
    """Let `fill` write a new file, then put it in the place of `path` at once; a failure leaves what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp")
    try:
        with waiting.open("wb") as out:
            fill(out)
        os.replace(waiting, path)
    except BaseException:
        waiting.unlink(missing_ok=True)
        raise
    return path


def safe(name: str, most: int = 120) -> str:
    """`name` as a part of a file name: letters, digits, dots and dashes, everything else an underline.

    >>> safe("core/attention 1"), safe("")
    ('core_attention_1', 'model')
    """
    return _UNSAFE.sub("_", name)[:most].strip(".") or "model"


def distinct(paths: Iterable[Path]) -> list[str]:
    """A name for each path: its stem; with its ending where two stems are the same; then numbered.

    >>> distinct([Path("a/cat.jpg"), Path("b/dog.jpg"), Path("a/cat.png"), Path("b/cat.png")])
    ['cat.jpg', 'dog', 'cat.png', 'cat.png-2']
    """
    given = list(paths)
    stems = [safe(path.stem) for path in given]
    full = [stem if stems.count(stem) == 1 else safe(path.name) for stem, path in zip(stems, given, strict=True)]
    out: list[str] = []
    for name in full:
        count = 1
        while (unique := name if count == 1 else f"{name}-{count}") in out or (count > 1 and unique in full):
            count += 1
        out.append(unique)
    return out
