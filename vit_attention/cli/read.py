"""`read`: many pages to JSON with boxes, and bundles; one bad page stops nothing, and a second run goes on where one ended."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from vit_attention.cli import loading
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.inputs import Given, expand, opened
from vit_attention.cli.options import asked_options, json_option, model_options, output, take
from vit_attention.cli.provenance import KEY, Origin, Shelf, bundle_says
from vit_attention.cli.report import Report, plain
from vit_attention.cli.values import Numbers
from vit_attention.records import AttentionRecord
from vit_attention.records.writing import write

FORMAT = "sightlines-reading"
_BEGINNING = f'{{\n "format": "{FORMAT}"'

HELP = """Read documents: NAME.json holds every field and the box it was read from, NAME.npz the attention record.

\b
  vit-attention read receipts/ --model receipt-donut --output readings
  vit-attention read 'scans/*.png' --model donut-cord --beams 3 --no-bundles
  vit-attention read form.png --model receipt-donut --prompt '<s_form>'
  vit-attention read page.png --model donut-docvqa --question 'What is the total?'

PAGE is a file, a folder (its pictures, not those of its subfolders), a glob, or a drawn page such as receipt-3-3.
A TIFF of several pages gives a reading for each: NAME.json, NAME-page-2.json and so on.
Pages that cannot be read are reported and skipped. Run the same command again to continue: a page is done if its files
are whole and were made from the same picture by the same model with the same settings. Files are named after their
pages. Those of another page are never replaced: NAME-2.json is written instead.
"""


@click.command(help=HELP, short_help="Read documents to JSON with boxes.")
@click.argument("pages", nargs=-1, required=True, metavar="PAGE...")
@output("Folder for the files; created if missing.")
@click.option("--bundles/--no-bundles", default=True, show_default=True, help="Whether to save NAME.npz as well.")
@click.option(
    "--layer",
    "--layers",
    "layer",
    type=Numbers(),
    help="Decoder layers that the boxes are computed from, counted from 0.  [default: all]",
)
@click.option(
    "--head",
    "--heads",
    "head",
    type=Numbers(),
    help="Heads that the boxes are computed from, counted from 0.  [default: all]",
)
@click.option(
    "--tight/--no-tight",
    default=True,
    show_default=True,
    help="Shrink boxes to the print inside them, or leave them as coarse as the map.",
)
@click.option("--restart", is_flag=True, help="Read every page again, even if it is done.")
@model_options
@asked_options
@json_option
def read(pages: tuple[str, ...], output: Path, bundles: bool, restart: bool, as_json: bool, **given: Any) -> None:
    """Read every page that is not done yet."""
    report = Report(as_json)
    items = expand(pages, folders=True)
    if not items:
        raise click.UsageError(f"want at least one page, got none: no pictures in {', '.join(pages)}")
    model = loading.load(take(loading.Source, given), report)
    wanted = _settings(model, given)

    def attend(image: Any) -> AttentionRecord:
        tick = report.counter("tokens read") if wanted["beams"] == 1 else None
        record = loading.attend(model, image, prompt=wanted["prompt"], beams=wanted["beams"], on_token=tick)
        if tick is not None:
            report.note("")
        return record

    shelf = Shelf(output, items, _says, report.note)
    for item in report.through(items, "Reading"):
        with report.attempt(item.said):
            origin = Origin.of(item)
            files = _files(shelf.base(item, origin), bundles)
            settings = {**wanted, "picture": origin.content}
            if not restart and _done(files, settings):
                report.done(item.said, files, skipped=True)
                continue
            record, data = _read(item, origin, attend, settings)
            with shelf.claimed(item, origin) as base:  # another process may have taken the name by now
                files = _files(base, bundles)
                if bundles:
                    origin.sign(record).save(files[1])
                # The JSON comes last, so that it is there only when all of it is.
                write(files[0], (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode())
            report.done(item.said, files, skipped=False, **{name: data[name] for name in ("text", "json", "fields")})
    skipped = sum(bool(one.get("skipped")) for one in report.results)
    if skipped:
        report.note(f"{skipped} of {len(items)} pages were already done; --restart reads them again.")
    report.finish(command="read", output=str(output))


def _settings(model: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What a reading depends on beside the picture."""
    if model.card.task != "read":
        raise ChoiceError(f"--model: want a reader of documents, got {model.card.name} ({model.card.task})")
    prompt = loading.prompt(model, given["prompt"], given["question"])
    for name, most in (("layer", model.layers), ("head", model.heads)):
        wrong = [n for n in given[name] or () if n >= most]
        if wrong:
            raise ChoiceError(f"--{name}: want numbers of 0 to {most - 1}, got {wrong[0]}")
    return {
        "model": model.card.name,
        "weights_hash": model.weights_hash,
        "prompt": prompt or model.prompt,
        "beams": given["beams"] or 1,
        "layers": given["layer"] and list(given["layer"]),
        "heads": given["head"] and list(given["head"]),
        "tight": given["tight"],
    }


def _says(base: Path) -> list[Any]:
    """What BASE.json says of its origin, or BASE.npz where it stands alone."""
    path = base.with_name(base.name + ".json")
    if not os.path.lexists(path):
        return bundle_says(base)
    try:
        text = path.read_text(encoding="utf-8")
        if text.startswith(_BEGINNING) and not text.endswith("}\n"):  # half of a reading: nothing is lost with it
            return bundle_says(base)
        found = json.loads(text)
        return [(found.get(KEY) or {"content": found["settings"]["picture"]}) if found["format"] == FORMAT else None]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [None]


def _files(base: Path, bundles: bool) -> list[Path]:
    return [base.with_name(base.name + end) for end in (".json", ".npz")[: 1 + bundles]]


def _done(files: list[Path], settings: dict[str, Any]) -> bool:
    """Whether the files of a page are whole and were made with these settings."""
    try:
        found = json.loads(files[0].read_text(encoding="utf-8"))
        same = found["format"] == FORMAT and found["settings"] == settings and isinstance(found["fields"], list)
        for bundle in files[1:] if same else ():
            record = AttentionRecord.load(bundle)
            same = record.weights_hash == settings["weights_hash"] and record.prediction.text == found["text"]
        return bool(same)
    except Exception:  # damaged in whatever way: it is made again
        return False


def _read(
    item: Given, origin: Origin, attend: Callable[[Any], AttentionRecord], settings: dict[str, Any]
) -> tuple[AttentionRecord, dict[str, Any]]:
    """Read one page: its record, and what its JSON says."""
    from visualizer.measures.field_box import boxed

    picture = opened(item)
    record = attend(picture.image)
    data: dict[str, Any] = {"format": FORMAT, "settings": settings, "source": item.path.name, KEY: origin.told()}
    data |= {"page_number": item.page} if item.page else {}
    data |= {"notes": list(picture.notes), "text": record.prediction.text}
    data |= boxed(record, settings["layers"], settings["heads"], settings["tight"])
    return record, plain(data)
