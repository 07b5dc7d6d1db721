"""Kinds of values that options take: numbers and ranges, sizes, devices, files, folders. Imports nothing slow: help must come at once."""

import math
import os
import re
from pathlib import Path
from typing import Any

import click

from vit_attention.gate.refusal import shown

MOST = 4096
"""Largest number of a layer, head or token range that is spelled out."""
LONGEST = 255
"""Bytes of a file's name that file systems take."""

_SIZE = re.compile(r"(\d{1,6})(?:[,x](\d{1,6}))?", re.ASCII)
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?", re.ASCII)


def numbers(text: str) -> tuple[int, ...]:
    """Numbers written as a list of numbers and ranges, sorted, each once; raises ValueError for anything else.

    >>> numbers("0,5-7")
    (0, 5, 6, 7)
    """
    found: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"want numbers such as 3 or 0,5-7, got {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < first + MOST:
            raise ValueError(f"want a range from small to large of at most {MOST} numbers, got {part.strip()!r}")
        found.update(range(first, last + 1))
    return tuple(sorted(found))


class Numbers(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on
    """Numbers and ranges such as 0,5-7."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The numbers; refuses anything else."""
        if isinstance(value, tuple):
            return value
        try:
            return numbers(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Size(click.ParamType):  # type: ignore[type-arg]
    """A picture's size in pixels: one side of a square, or height,width."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """(height, width); refuses anything else."""
        match = _SIZE.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"want pixels such as 518, or height,width such as 224,336, got {value!r}", param, ctx)
        return int(match[1]), int(match[2] or match[1])


class Shift(click.ParamType):  # type: ignore[type-arg]
    """A step on a grid: down,right."""

    name = "shift"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """(down, right); refuses anything else."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(-?\d{1,4}),(-?\d{1,4})", str(value).strip(), re.ASCII)
        if match is None:
            self.fail(f"want patches down,right such as 0,-3, got {value!r}", param, ctx)
        return int(match[1]), int(match[2])


class Device(click.ParamType):  # type: ignore[type-arg]
    """A name that torch has for a device."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name; refuses what is none."""
        kind, _, number = str(value).partition(":")
        if kind not in ("auto", "cpu", "cuda", "mps") or (number and not number.isdecimal()):
            self.fail(f"want cpu, cuda, cuda:0, mps or auto, got {value!r}", param, ctx)
        return str(value)


class Finite(click.FloatRange):
    """A finite number: neither "nan" nor "inf"."""

    def _describe_range(self) -> str:
        """Nothing in the help where there is no bound, for which click writes "x<=None"."""
        return "" if self.min is None and self.max is None else super()._describe_range()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; refuses anything else."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"want a finite number, got {value}", param, ctx)
        return number


class File(click.Path):
    """A file of any name but none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; refuses an empty one, which would be the folder one is in."""
        if not str(value):
            self.fail("want a name, got an empty text", param, ctx)
        return super().convert(value, param, ctx)


class Folder(File):
    """A folder that is there and may be written to, or can be made."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; refuses one of which it can be seen before the work that it takes no files."""
        path = super().convert(value, param, ctx)
        if any(len(os.fsencode(part)) > LONGEST for part in path.parts):
            self.fail(f"want names of at most {LONGEST} bytes, got {shown(str(path))}", param, ctx)
        there = next((one for one in (path, *path.parents) if os.path.lexists(one)), Path())
        if not os.path.isdir(there):
            self.fail(f"want a folder, got {str(path)!r}: {there.name} is none", param, ctx)
        if not os.access(there, os.W_OK | os.X_OK):
            self.fail(f"want a folder that may be written to, got {str(path)!r}", param, ctx)
        return path


class NewFile(File):
    """The name of a file to be written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; refuses a folder's."""
        path = super().convert(value, param, ctx)
        if os.path.isdir(path):
            self.fail(f"want the name of a file, got the folder {str(path)!r}", param, ctx)
        return path


FILE = File(path_type=Path)
NEW = Folder(path_type=Path)
