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

T = TypeVar("T")


def line(text: object) -> str:
    """`text` on one line without control characters, which could drive a terminal; file names may hold anything."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))


class Report:
    """Collects the outcome of every input; prints as it goes, or one JSON text at the end."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.results: list[dict[str, Any]] = []
        self._waiting: list[str] | None = None

    def note(self, text: str) -> None:
        """Something worth knowing, for people."""
        if self._waiting is None:
            click.echo(line(text), err=True)
        else:
            self._waiting.append(line(text))

    def done(self, name: str, files: Sequence[Path] = (), **facts: Any) -> None:
        """One input was worked through."""
        self.results.append({"input": name, "ok": True, "files": [str(file) for file in files], **facts})
        if not self.as_json and self._waiting is None:
            for file in files:
                click.echo(line(file))

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Work on one input; what it may fail with is told, and the others go on."""
        try:
            yield
        except FAILURES as error:
            self.failed(name, error)

    def failed(self, name: str, error: object) -> None:
        """One input was left out, with the reason."""
        text = str(error) or type(error).__name__
        self.results.append({"input": name, "ok": False, "error": text})
        self.note(f"{name}: {text}")

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
            click.echo(text, err=True)
        if not self.as_json:
            for file in (file for one in self.results if one["ok"] for file in one["files"]):
                click.echo(line(file))

    def counter(self, label: str) -> Callable[[object], None] | None:
        """Says how many there are so far, if somebody watches and no bar does; None if not."""
        if self._waiting is not None or not sys.stderr.isatty():
            return None
        count = itertools.count(1)

        def tick(_one: object) -> None:
            click.echo(f"\r{label}: {next(count)}", err=True, nl=False)

        return tick

    def finish(self, **facts: Any) -> None:
        """Print the JSON if asked for, say how many failed, and leave with 1 if any did."""
        wrong = sum(not one["ok"] for one in self.results)
        if self.as_json:
            echo_json({**facts, "results": self.results, "failed": wrong})
        elif wrong:
            self.note(
                f"{wrong} of {len(self.results)} inputs failed." + " The others are done." * (wrong < len(self.results))
            )
        if wrong:
            raise click.exceptions.Exit(1)


def echo_json(data: Any) -> None:
    """`data` as JSON; numbers that are none become null."""
    click.echo(json.dumps(plain(data), ensure_ascii=False, indent=1))


def plain(data: Any) -> Any:
    """`data` as JSON can hold it.

    >>> plain({"a": (1, float("nan"))})
    {'a': [1, None]}
    """
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(value) for value in data]
    if hasattr(data, "tolist"):
        return plain(data.tolist())
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data if data is None or isinstance(data, (str, int, float, bool)) else str(data)
