"""The one way a file is written here: whole or not at all, with the rights that umask gives, and nothing left behind."""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

Fill = Callable[[BinaryIO], object]


def write(path: Path, content: bytes | Fill) -> Path:
    """The file `path`, new or in the place of an older one; whatever goes wrong leaves what was there.

    Args:
        path: where; folders are made.
        content: the bytes, or a function that writes them into the binary file that it is given.

    Returns:
        `path`.

    Raises:
        GateError: the place is a folder, a link, a device or read-only; there is no right to write there; the name is too
            long for the file system; or the disk is full. What else `content` raises is passed on.
    """
    _check(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, content if callable(content) else lambda out: out.write(content))
    except (OSError, ValueError) as error:  # zipfile covers a full disk with complaints of its own
        cause = _system_error(error)
        if cause is None:
            raise
        raise _refusal(path, cause) from error
    return path


def _write(path: Path, fill: Fill) -> None:
    # Its name does not grow with that of `path`, which may be as long as the file system allows.
    waiting = path.with_name(f".{os.getpid()}-{os.urandom(6).hex()}.tmp")
    try:
        with _opened(waiting) as out:
            fill(out)
            out.flush()
            if os.fstat(out.fileno()).st_nlink == 0:  # src_dir_fd: without it Python would link the link in /proc
                os.link(f"/proc/self/fd/{out.fileno()}", waiting, src_dir_fd=out.fileno())
        os.replace(waiting, path)
    except BaseException:
        with suppress(OSError):
            waiting.unlink(missing_ok=True)
        raise


def _opened(waiting: Path) -> BinaryIO:
    """A new file; on Linux one without a name, so that nothing is left even by a process that is killed."""
    if hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd"):
        with suppress(OSError):  # a file system that knows no such files
            return open(os.open(waiting.parent, os.O_TMPFILE | os.O_RDWR, 0o666), "w+b")
    return waiting.open("x+b")


def _check(path: Path) -> None:
    """Refuses a place where something lies that must not be replaced."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from error
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISLNK, "a link"), (stat.S_ISREG, ""))
    kind = next((words for is_kind, words in kinds if is_kind(mode)), "a pipe or device")
    if not kind and not (mode & 0o222 and os.access(path, os.W_OK)):
        kind = "a read-only file"
    if kind:
        from vit_attention.gate.refusal import GateError  # pydantic comes with it

        raise GateError(path.name, "a name that is free, or a file to replace", f"{kind} of this name")


def _system_error(error: BaseException | None) -> OSError | None:
    """What the system said, somewhere in a chain of exceptions; numpy and Pillow leave its number out."""
    found: list[OSError] = []
    while error is not None:
        found += [error] if isinstance(error, OSError) else []
        error = error.__context__
    return next((one for one in found if one.errno), found[0] if found else None)


def _refusal(path: Path, error: Exception) -> Exception:
    from vit_attention.gate.refusal import GateError

    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        advice = "Nothing of it was kept. Make room, or write elsewhere."
        return GateError(path.name, "room on the disk", "a full disk or quota", advice=advice)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return GateError(path.name, f"a file that can be written in {path.parent}", f"an error: {reason}")
