"""`extract`: pictures in, one portable bundle each out; or a sentence, as JSON or as a bundle."""

from functools import cache
from pathlib import Path
from typing import Any

import click

from vit_attention.cli import idle, loading, records, texts
from vit_attention.cli.inputs import expand
from vit_attention.cli.options import (
    asked_options,
    json_option,
    model_options,
    output,
    said_options,
    seen_options,
    take,
)
from vit_attention.cli.provenance import Origin, Shelf, bundle_says
from vit_attention.cli.report import Report
from vit_attention.cli.values import Numbers
from vit_attention.cli.visualize import facts

HELP = """Save the attention of each picture, or of a sentence, as a bundle (.npz), which opens without torch.

\b
  vit-attention extract cat.jpg --model vit-b-16
  vit-attention extract 'photos/*.jpg' --model scene-vit --half --output bundles
  vit-attention extract cat.jpg --model vit-b-16 --layers 10,11 --heads 0-3 --queries 0
  vit-attention extract scene-7 --model scene-vit --target star
  vit-attention extract cat.jpg --model hf:facebook/dinov2-small --size 518 --queries 0 --whole 8 --half
  vit-attention extract --text "The soup was not good." --model review-encoder
  vit-attention extract --text "The soup was not good." --model_dir ./model_output --output_file attention_data.json

Bundles are named after their pictures. A bundle of another picture is never replaced: NAME-2.npz is written instead.
A sentence goes to a bundle with --model, and to one JSON file with --model_dir or --output_file; `visualize --input_file`
draws both. Open bundles with `show`, with `visualize`, or in Python with vit_attention.AttentionRecord.load.
"""


@click.command(help=HELP, short_help="Save attention records as bundles, of a sentence also as JSON.")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@said_options
@output("Folder for the bundles; created if missing.")
@click.option("--layer", "--layers", "layers", type=Numbers(), help="Layers to keep, counted from 0.  [default: all]")
@click.option("--head", "--heads", "heads", type=Numbers(), help="Heads to keep in every layer.  [default: all]")
@click.option(
    "--query",
    "--queries",
    "queries",
    type=Numbers(),
    help="Query tokens to keep, by number such as 0 or 0,5-7, special tokens first.  [default: all]",
)
@model_options
@seen_options
@asked_options
@json_option
def extract(
    images: tuple[str, ...],
    text: str | None,
    model_dir: str | None,
    output_file: Path | None,
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Save a bundle of every picture; those that fail are reported and skipped. Or the attention of a sentence."""
    report = Report(as_json)
    idle.tell(report)
    texts.check_alone(
        images, {"text": text, "model_dir": model_dir, "output_file": output_file, "beside": given["beside"] or None}
    )
    if text is not None:
        texts.check_no_picture(
            {"label": given["labels"], "size": given["size"], "features": given["features"], "edit": given["edit"]}
        )
        texts.extract(text, given, model_dir, output_file, output, report)
        report.finish(command="extract", output=str(output))
        return
    if not images:
        raise click.UsageError("want at least one IMAGE, or --text with a sentence, got neither")
    model = cache(lambda: loading.load(take(loading.Source, given), report))
    wanted, items = take(records.Wanted, given), expand(images)
    records.check(items, wanted)
    shelf = Shelf(output, items, bundle_says, report.note)
    for item in report.through(items, "Extracting"):
        with report.attempt(item.said, alone=item.suffix == ".npz"):
            record, picture = records.of(item, model, wanted)
            for note in picture.notes:
                report.note(f"{item.said}: {note}")
            origin = Origin.of(item)
            with shelf.claimed(item, origin) as base:
                written = origin.sign(record).save(base.with_name(base.name + ".npz"))
            report.done(item.said, [written], maps=len(record.maps), **facts(record))
    report.finish(command="extract", output=str(output))
