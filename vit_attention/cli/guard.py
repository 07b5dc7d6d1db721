"""What surrounds every command: streams that are closed or full, signals, and errors that nobody expected; no traceback."""

import contextlib
import errno
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import click

from vit_attention.gate.refusal import GateError, one_line

BROKEN = (errno.EPIPE, errno.EBADF)
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class StoppedError(BaseException):
    """The system asks the process to end; whatever is half done cleans up on the way out."""


class OutputError(click.ClickException):
    """Standard output takes no more."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"cannot write to standard output ({error.strerror})")
        self.quiet = error.errno in BROKEN  # who reads has seen enough, as `head` does

    def show(self, file: Any = None) -> None:
        """Says so, unless nobody wants to know."""
        if not self.quiet:
            super().show(file)


def say(text: str, err: bool = False, nl: bool = True) -> None:
    """Print a line.

    Raises:
        OutputError: standard output is closed or full. What standard error does not take is lost, and the work goes on.
    """
    try:
        click.echo(text, err=err, nl=nl)
    except OSError as error:
        if not err:
            raise OutputError(error) from error


def unexpected(error: BaseException) -> str:
    """What to say about a fault of our own; with --debug, where it happened is printed as well."""
    context = click.get_current_context(silent=True)
    if context is not None and context.find_root().params.get("debug"):
        say(traceback.format_exc(), err=True)
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    short = one_line(" ".join(text.split()))[:300]
    return f"unexpected {short}. Please report it, with what `vit-attention --debug COMMAND ...` prints"


def guarded(run: Callable[[], Any], as_json: bool = False) -> int:
    """Run a command; returns the exit code, after saying in one sentence what went wrong if something did.

    Args:
        run: runs it; its own exit code, or anything else for 0.
        as_json: whether standard output gets the sentence as well, as {"error": ..., "exit_code": ...}.
    """
    with _streams():
        try:
            with _signals():
                code = run()
                return code if isinstance(code, int) else 0
        except (Exception, KeyboardInterrupt, StoppedError) as error:
            code, text = _told(error)
            if as_json:
                with contextlib.suppress(OutputError):
                    say(json.dumps({"error": text, "exit_code": code}))
            return code


def _told(error: BaseException) -> tuple[int, str]:
    """The exit code for an error, and the sentence that was said about it."""
    if isinstance(error, OSError) and error.filename is None:  # click's own help and version, on a full disk
        error = OutputError(error)
    if isinstance(error, click.ClickException):
        with contextlib.suppress(OSError):
            error.show()
        return error.exit_code, error.format_message()
    if isinstance(error, (click.Abort, KeyboardInterrupt, StoppedError)):
        number = error.args[0] if isinstance(error, StoppedError) else signal.SIGINT
        code, text = 128 + number, f"Stopped ({signal.Signals(number).name}). The files that were written are whole."
    elif isinstance(error, GateError):
        code, text = 2, f"Error: {error}"
    elif isinstance(error, OSError):
        code, text = 1, f"Error: {error.strerror}: {error.filename!r}"
    else:
        code, text = 1, f"Error: {unexpected(error)}"
    say(text, err=True)
    return code, text.removeprefix("Error: ")


@contextlib.contextmanager
def _streams() -> Iterator[None]:
    """Streams for a process that was started without them; and what their encoding lacks is escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (for as long as the process lives)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:  # Python would try again at its end, and complain
                with contextlib.suppress(OSError, ValueError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """The wish to end becomes an exception, so that nothing half-written stays; a second one ends at once."""

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise StoppedError(number)

    before = {}
    with contextlib.suppress(ValueError):  # not in the main thread: whoever runs us takes care of signals
        before = {one: signal.signal(one, stop) for one in SIGNALS if signal.getsignal(one) is signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
