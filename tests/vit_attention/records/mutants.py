"""Run as a program: changes bundles in many ways and opens each, in little memory. It fails where anything but a refusal is raised.

Arguments: how much memory may be taken beyond what the libraries took, in MB; a seed; how many bundles to damage.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.vit_attention.records.bundles import KINDS, draw, pack
from vit_attention.records import AttentionRecord
from vit_attention.records.bundle import BundleError

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    10**9,
    10**400,
    float("inf"),
    float("nan"),
    "1",
    "\ud800",
    "a" * 2000,
    [],
    {},
)
"""What is put into the place of a field."""


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all fields of a manifest, inner ones included."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inside for place in places(one, (*path, key)))]


def opens(data: bytes, file: Path) -> AttentionRecord | None:
    file.write_bytes(data)
    try:
        return AttentionRecord.load(file)
    except BundleError:
        return None


def fields(choice: random.Random, count: int, file: Path) -> None:
    """One field of the manifest becomes something odd."""
    for _ in range(count):
        manifest, arrays = choice.choice(list(KINDS.values()))()
        path = choice.choice(places(manifest)[1:])
        *outer, last = path
        place = manifest
        for key in outer:
            place = place[key]
        place[last] = choice.choice(ODD)
        record = opens(pack(manifest, arrays), file)
        if record is not None:
            try:
                draw(record)
            except Exception as error:
                raise AssertionError(f"opened, and could not be drawn: {path} {place[last]!r:.40}") from error


def damage(choice: random.Random, count: int, file: Path) -> None:
    """Some bytes of the file change, or its end is lost."""
    sound = [pack(*make()) for make in KINDS.values()]
    for _ in range(count):
        data = bytearray(choice.choice(sound))
        for _ in range(choice.choice((1, 1, 1, 4))):
            data[choice.randrange(len(data))] = choice.randrange(256)
        opens(bytes(data if choice.random() < 0.9 else data[: choice.randrange(len(data))]), file)


def main(megabytes: int, seed: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one.npz"
        for make in KINDS.values():  # libraries that are imported on the way count for nothing
            draw(AttentionRecord.load(Path(file.write_bytes(pack(*make())) and file)))
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + (megabytes << 20),) * 2)
        choice = random.Random(seed)
        damage(choice, count, file)
        fields(choice, count // 4, file)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
