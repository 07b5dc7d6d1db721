"""`fetch`: weights ahead of time, and which are at hand and where; for machines that will have no network later."""

import contextlib
import os
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
from vit_attention.heavy import Progress
from vit_attention.models.cards import BUNDLED, Card
from vit_attention.weights.download import cache_folder

HELP = """Download published weights ahead of time, or list which are on this machine.

\b
  vit-attention fetch --list
  vit-attention fetch vit-b-16 donut-cord
  vit-attention fetch vit-b-16 --again
  vit-attention fetch hf:google/vit-base-patch16-224

Weights that are already here are checked, not downloaded again. An interrupted download continues where it stopped. The
folder is SIGHTLINES_CACHE, or else the system's cache folder; models from the hub go to the hub's own cache (HF_HOME).
For a machine without a network, copy the files there and use --weights FILE, or --model hf:FOLDER.
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
    report = Report(as_json)
    for name in dict.fromkeys(names):
        with report.attempt(name), _bar(name, report) as progress:
            report.done(name, [published(registry.card(name), progress, again)])
    report.finish(command="fetch")


def published(card: Card, progress: Progress | None, again: bool = False) -> Path:
    """The file or folder of a model's weights, downloaded if need be.

    Raises:
        ValueError: a model that has none of its own.
        DownloadError: they cannot be had, or those that are there are damaged.
    """
    if card.bundled:
        return _bundled(card)
    if card.builder:
        from vit_attention.adapters import torchvision_vit

        return torchvision_vit.published(card, progress, again)
    if card.hub or card.name.startswith("hf:"):
        from vit_attention.adapters import hub

        return hub.folder(card.hub or card.name.removeprefix("hf:"), progress, pickles=True, again=again)
    if card.name.startswith("timm:"):
        from vit_attention.adapters import timm_vit

        return timm_vit.published(card, progress, again)
    raise ValueError(f"{card.name}: has no published weights of its own; give its files with --model and --infos_path")


def _card(name: str) -> Card:
    if name.startswith("timm:"):
        raise click.UsageError(f"--list: want names from `models`, or hf:OWNER/NAME, got {one_line(name)}")
    try:
        return registry.card(name)
    except ValueError as error:
        raise click.UsageError(one_line(error)) from error


def _bundled(card: Card) -> Path:
    return next(path for end in (".safetensors", "") if (path := BUNDLED / f"{card.name}{end}").exists())


def at_hand(card: Card) -> Path | None:
    """Where a model's weights lie on this machine; None if they would have to be downloaded."""
    if card.bundled:
        return _bundled(card)
    if card.builder:
        return next(iter(sorted(cache_folder().glob(f"{card.builder}-*.pth"))), None)
    from huggingface_hub import try_to_load_from_cache

    reference = card.hub or card.name.removeprefix("hf:")
    if os.path.isdir(reference):
        return Path(reference)
    found = try_to_load_from_cache(reference, "config.json") if reference.count("/") == 1 else None
    return Path(found).parent if isinstance(found, str) else None


def _list(cards: list[Card], as_json: bool) -> None:
    found = [(card, at_hand(card)) for card in cards]
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
    say("\n".join([*table(["name", "MB", "where"], rows), "", f"Downloads go to {cache_folder()}"]))


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
