"""`fetch`: weights ahead of time, and which are at hand and where; for machines that will have no network later."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from vit_attention import registry
from vit_attention.cli.guard import say
from vit_attention.cli.loading import tenths
from vit_attention.cli.options import json_option
from vit_attention.cli.report import Report, echo_json, table
from vit_attention.gate.refusal import one_line
from vit_attention.models.cards import Card
from vit_attention.weights.download import cache_folder

HELP = """Download published weights ahead of time, or list which are on this machine.

\b
  vit-attention fetch --list
  vit-attention fetch deit-tiny dinov2-small
  vit-attention fetch vit-b-16 --again
  vit-attention fetch hf:google/vit-base-patch16-224

Weights that are already here are checked, not downloaded again. An interrupted download continues where it stopped. The
folder is SIGHTLINES_CACHE, or else the system's cache folder; models from the hub go to the hub's own cache (HF_HOME).
For a machine without a network, copy the files there and use --weights FILE, or --model hf:FOLDER; or copy both caches whole.
"""


@click.command(help=HELP, short_help="Download weights, or list those on this machine.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "--where", "listed", is_flag=True, help="List which weights are on this machine, and where.")
@click.option("--again", is_flag=True, help="Download again what is already here, such as a damaged file.")
@json_option
def fetch(names: tuple[str, ...], listed: bool, again: bool, as_json: bool) -> None:
    """Fetch every model that is named; those that cannot be had are reported and skipped."""
    if again and (listed or not names):
        raise click.UsageError("--again: want the names of models to download, got none")
    if listed or not names:
        _list([_card(name) for name in names] or list(registry.models()), as_json)
        return
    report, bytes_ = Report(as_json), 0
    for name in dict.fromkeys(names):
        with report.attempt(name), _bar(name, report) as progress:
            found = registry.fetch(name, progress, again)
            bytes_ += size_of(found)
            report.done(name, [found], megabytes=round(size_of(found) / 1e6, 1))
    if len(names) > 1 and bytes_:
        report.note(f"{bytes_ / 1e6:.1f} MB in all.")
    report.finish(command="fetch")


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _card(name: str) -> Card:
    if name.startswith("timm:"):
        raise click.UsageError(f"--list: want names from `models`, or hf:OWNER/NAME, got {one_line(name)}")
    try:
        return registry.card(name)
    except ValueError as error:
        raise click.UsageError(one_line(error)) from error


def _list(cards: list[Card], as_json: bool) -> None:
    found = [(card, registry.at_hand(card.name)) for card in cards]
    if as_json:
        echo_json(
            {
                "command": "fetch",
                "cache": str(cache_folder()),
                "models": [
                    {"name": card.name, "megabytes": card.megabytes, "where": None if path is None else str(path)}
                    for card, path in found
                ],
            }
        )
        return
    rows = [[card.name, f"{card.megabytes:.0f}", "not here" if path is None else str(path)] for card, path in found]
    here = sum(size_of(path) for _, path in found if path is not None)
    text = f"{here / 1e6:.0f} MB are here. Downloads go to {cache_folder()}, those of the hub to the hub's own cache."
    say("\n".join([*table(["name", "MB", "where"], rows), "", text]))


@contextlib.contextmanager
def _bar(name: str, report: Report) -> Iterator[Any]:
    """Progress as a bar where somebody watches, else every tenth."""
    if not sys.stderr.isatty():
        yield tenths(report, name)
        return
    from tqdm import tqdm

    with tqdm(desc=name, unit="B", unit_scale=True, file=sys.stderr, leave=False) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
