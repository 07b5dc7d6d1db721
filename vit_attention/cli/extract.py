"""`extract`: pictures in, one portable bundle each out."""

from functools import cache
from pathlib import Path
from typing import Any

import click

from vit_attention.cli import loading, records
from vit_attention.cli.inputs import expand
from vit_attention.cli.options import (
    Numbers,
    asked_options,
    json_option,
    model_options,
    output,
    seen_options,
    take,
)
from vit_attention.cli.report import Report
from vit_attention.cli.visualize import facts

HELP = """Save the attention of pictures: one bundle (.npz) each, which opens without torch.

\b
  vit-attention extract cat.jpg --model vit-b-16
  vit-attention extract 'photos/*.jpg' --model scene-vit --half --output bundles
  vit-attention extract cat.jpg --model vit-b-16 --layers 10,11 --heads 0-3 --queries 0
  vit-attention extract scene-7 --model scene-vit --target star

A bundle is read by `show`, by `visualize`, and in Python by vit_attention.AttentionRecord.load.
"""


@click.command(help=HELP, short_help="Save attention records as bundles.")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@output("Folder for the bundles; made if missing.")
@click.option("--layers", type=Numbers(), help="Layers to keep, 0 first.  [default: all]")
@click.option("--heads", type=Numbers(), help="Heads to keep of every layer.  [default: all]")
@click.option("--queries", type=Numbers(), help="Rows to keep, special tokens first.  [default: all]")
@model_options
@seen_options
@asked_options
@json_option
def extract(images: tuple[str, ...], output: Path, as_json: bool, **given: Any) -> None:
    """Save a bundle of every picture; those that fail are told and left out."""
    report = Report(as_json)
    model = cache(lambda: loading.load(take(loading.Source, given), report))
    wanted, items = take(records.Wanted, given), expand(images)
    records.check(items, wanted)
    for item in report.through(items, "Extracting"):
        with report.attempt(item.text):
            record, picture = records.of(item, model, wanted)
            for note in picture.notes:
                report.note(f"{item.text}: {note}")
            report.done(item.text, [record.save(output / f"{item.name}.npz")], maps=len(record.maps), **facts(record))
    report.finish(command="extract", output=str(output))
