"""What the command line says: files and results to standard output, everything else to standard error."""

import itertools
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from vit_attention.cli.errors import FAILURES
from vit_attention.cli.guard import OutputError, say, unexpected
from vit_attention.gate.refusal import one_line

MOST_NAMES = 50
"""Inputs that failed are listed at the end up to so many."""

T = TypeVar("T")


class Report:
    """Collects the outcome of every input; prints as it goes, or one JSON text at the end."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.results: list[dict[str, Any]] = []
        self._waiting: list[str] | None = None

    def note(self, text: str) -> None:
        """Something worth knowing, for people."""
        if self._waiting is None:
            say(one_line(text), err=True)
        else:
            self._waiting.append(one_line(text))

    def done(self, name: str, files: Sequence[Path] = (), **facts: Any) -> None:
        """One input was worked through."""
        self.results.append({"input": name, "ok": True, "files": [str(file) for file in files], **facts})
        if not self.as_json and self._waiting is None:
            for file in files:
                say(one_line(file))

    @contextmanager
    def attempt(self, name: str, alone: bool = False) -> Iterator[None]:
        """Work on one input; what it fails with is told, and the others go on.

        A `ChoiceError` ends the run, since it holds for every picture; `alone` says that it holds for this input alone.
        """
        try:
            yield
        except (click.exceptions.Exit, click.Abort, OutputError):
            raise
        except click.ClickException as error:
            if not alone:
                raise
            self.failed(name, error.message)
        except FAILURES as error:
            self.failed(name, error)
        except Exception as error:
            self.failed(name, unexpected(error))

    def failed(self, name: str, error: object) -> None:
        """One input was left out, with the reason."""
        text = str(error) or type(error).__name__
        self.results.append({"input": name, "ok": False, "error": text})
        begins = f"{one_line(Path(name).name)}: "  # many messages name their file themselves
        self.note(f"{name}: {one_line(text).removeprefix(begins)}")

    def through(self, items: Sequence[T], label: str) -> Iterator[T]:
        """The items one by one, with a progress bar where there are several and somebody watches."""
        if len(items) < 2 or not sys.stderr.isatty():
            yield from items
            return
        self._waiting = []
        with click.progressbar(items, label=label, file=sys.stderr, show_pos=True) as bar:
            yield from bar
        waiting, self._waiting = self._waiting, None
        for text in waiting:
            say(text, err=True)
        if not self.as_json:
            for file in (file for one in self.results if one["ok"] for file in one["files"]):
                say(one_line(file))

    def counter(self, label: str) -> Callable[[object], None] | None:
        """Says how many there are so far, if somebody watches and no bar does; None if not."""
        if self._waiting is not None or not sys.stderr.isatty():
            return None
        count = itertools.count(1)

        def tick(_one: object) -> None:
            say(f"\r{label}: {next(count)}", err=True, nl=False)

        return tick

    def finish(self, **facts: Any) -> None:
        """Print the JSON if asked for, say how many failed, and leave with 1 if any did."""
        wrong = sum(not one["ok"] for one in self.results)
        if self.as_json:
            echo_json({**facts, "results": self.results, "failed": wrong})
        elif wrong:
            names = [one["input"] for one in self.results if not one["ok"]]
            said = ", ".join(names[:MOST_NAMES]) + f" and {wrong - MOST_NAMES} more" * (wrong > MOST_NAMES)
            others = " The others are done." * (wrong < len(self.results))
            self.note(f"{wrong} of {len(self.results)} inputs failed: {said}.{others}")
        if wrong:
            raise click.exceptions.Exit(1)


def echo_json(data: Any) -> None:
    """`data` as JSON; numbers that are none become null."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    say(json.dumps(plain(data), ensure_ascii=not utf8, indent=1))


def plain(data: Any) -> Any:
    """`data` as JSON can hold it.

    >>> plain({"a": (1, float("nan"))})
    {'a': [1, None]}
    """
    if isinstance(data, dict):
        return {plain(str(key)): plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(value) for value in data]
    if hasattr(data, "tolist"):
        return plain(data.tolist())
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if data is None or isinstance(data, (int, float, bool)):
        return data
    # A file name in no encoding comes with signs that no JSON holds.
    return str(data).encode("utf-8", "backslashreplace").decode("utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table in columns as wide as what they hold.

    >>> table(["a", "name"], [["10", "x"]])
    ['a   name', '10  x']
    """
    cells = [[one_line(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
