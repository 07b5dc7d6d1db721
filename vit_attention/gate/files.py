"""Files from outside: plain files alone, of bounded size. A pipe would be waited for, a loop of links never ends."""

import os
import stat
from pathlib import Path

from vit_attention.gate.limits import LIMITS
from vit_attention.gate.refusal import GateError


def regular(path: Path, limit: str = "") -> Path:
    """`path`, if a plain file of bounded size lies there.

    Args:
        path: file, or a link that ends at one.
        limit: key of `LIMITS` that its size must keep; "" for any size.

    Raises:
        GateError: nothing there, a folder, a pipe, a device, links in a circle, a file too large or not to be read.
    """
    name = path.name or str(path)
    try:
        about = path.stat()
    except FileNotFoundError as error:
        raise GateError(name, "an existing file", "none of this name") from error
    except (OSError, ValueError) as error:  # links in a circle, no right to look, a name with a zero byte or too long
        raise GateError(name, "a file that may be read", type(error).__name__, advice=_reason(error)) from error
    if not stat.S_ISREG(about.st_mode):
        raise GateError(name, "a plain file", _kind(about.st_mode))
    if not os.access(path, os.R_OK):
        raise GateError(name, "a file that may be read", "no right to read it")
    if limit:
        LIMITS[limit].check(about.st_size, name, advice=f"The bound is there because {LIMITS[limit].reason}.")
    return path


def read_file(path: Path, limit: str) -> bytes:
    """All bytes of a plain file of bounded size; raises `GateError` as `regular` does."""
    most = LIMITS[limit].most
    try:
        with regular(path, limit).open("rb") as stream:
            data = stream.read(most + 1)  # it may have grown since it was looked at
    except OSError as error:
        raise GateError(path.name, "a file that may be read", type(error).__name__, advice=_reason(error)) from error
    LIMITS[limit].check(len(data), path.name)
    return data


def _reason(error: Exception) -> str:
    return f"The system says: {error.strerror or error}." if isinstance(error, OSError) else f"{error}."


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((words for is_kind, words in kinds if is_kind(mode)), "a device")
