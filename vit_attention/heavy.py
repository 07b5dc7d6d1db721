"""What loading a model shares with everybody: the lock of heavy imports, missing libraries, how progress is told, the memory."""

import importlib
import importlib.util
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from vit_attention.gate.refusal import GateError, one_line

Progress = Callable[[int, int | None], None]

# Two threads that import transformers (or torchvision) at the same time fail: every heavy import waits here.
heavy_imports = threading.RLock()


class LibraryError(GateError, ImportError):
    """A library that this needs is not installed, or does not start."""


def library(name: str) -> Any:
    """The module `name`, imported while nobody else imports a heavy one.

    Args:
        name: a library or one of its modules, or a module of ours that needs some.

    Raises:
        LibraryError: it, or something that it needs, is not installed or does not start; says what to install.
    """
    try:
        with heavy_imports:
            return importlib.import_module(name)
    except Exception as error:  # a library that does not fit the machine dies in any way
        raise lacking(name, error) from error


def lacking(name: str, error: Exception) -> LibraryError:
    """What to say, and to install, where importing `name` raised `error`."""
    if isinstance(error, LibraryError):
        return error
    wants = name.partition(".")[0]
    lacks = str(getattr(error, "name", "") or wants).partition(".")[0]
    lacks = wants if lacks == "vit_attention" else lacks
    if isinstance(error, ModuleNotFoundError) and not _there(lacks):
        return LibraryError(lacks, "this library to be installed", "none", advice=f"Install it: pip install {lacks}")
    said = one_line(str(error).strip().partition("\n")[0])[:200]
    return LibraryError(
        lacks,
        "a library that starts",
        f"{type(error).__name__}: {said}",
        advice="Install torch, torchvision and transformers anew, in versions that fit each other: "
        "pip install --force-reinstall torch torchvision transformers",
    )


def _there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


@cache
def machine() -> int:
    """Megabytes of memory of this machine, or of the container that the process runs in."""
    found = [int(os.sysconf("SC_PAGE_SIZE")) * int(os.sysconf("SC_PHYS_PAGES"))] if hasattr(os, "sysconf") else []
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            found.append(int(Path(file).read_text("ascii")))
    return min(found, default=8 << 30) >> 20
