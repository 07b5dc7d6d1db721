"""`visualize`, and the same without a subcommand: pictures or a sentence in, drawings of their attention out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import click

from vit_attention.cli import films, idle, loading, outlines, records, text_drawings, texts
from vit_attention.cli.drawings import Drawing, View, drawings
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.inputs import Given, Opened, expand, is_bundle, opened
from vit_attention.cli.map_options import look_options, take_view
from vit_attention.cli.options import (
    asked_options,
    json_option,
    model_options,
    output,
    seen_options,
    sentence_options,
    take,
)
from vit_attention.cli.paint import Ground, Paint, remark, write
from vit_attention.cli.paint_options import paint_options
from vit_attention.cli.provenance import Origin, Shelf, bundle_says, drawings_folder, drawings_say
from vit_attention.cli.report import Report
from vit_attention.cli.together import fit
from vit_attention.records import AttentionRecord

HELP = """Draw what a model attends to: for pictures an overlay and a heatmap for every layer, for a sentence one figure.

\b
  vit-attention visualize cat.jpg --model vit-b-16 --layer 11 --head 3
  vit-attention visualize 'photos/*.jpg' --model scene-vit --method rollout
  vit-attention visualize receipt.png --model receipt-donut --query field:total
  vit-attention visualize receipt-3-3 --model receipt-donut --stage 2 --block 1 --query 5,4
  vit-attention visualize scene-7 --model scene-vit --query 6,8 --truth
  vit-attention visualize coffee --model photo-dino --layer 11 --outline cup
  vit-attention visualize cat.jpg --model photo-dino --size 518 --method rollout
  vit-attention visualize scene-7 --model scene-vit --method rollout --film gif --layer 3-11 --frame-time 400
  vit-attention visualize scene-7 --model scene-clip --label "green ring" --label "blue square" --method value-value
  vit-attention visualize cat.npz --colormap jet
  vit-attention visualize --text "The soup was not good." --model review-encoder --layer 3 --head 1
  vit-attention visualize --text "a red ring" --beside scene-7 --model scene-clip --method relevance
  vit-attention visualize --input_file attention_data.json --mode prepare --output_file backend_data.json
  vit-attention --image cat.jpg --infos_path infos.pkl --model model.pth

IMAGE is a file, a glob, a bundle made by `extract`, or the name of a drawn or sample picture: scene-7, receipt-3-3,
form-1, cat. Every page of a TIFF counts as a picture. The files in DIR are attn_map_layer_{i}_{layer_name}.png,
heatmap_layer_{i}_{layer_name}.png; with --save-raw, attn_raw_layer_{i}.npy; with --film gif, film_{method}.gif. Several
pictures get a folder each; so does a single one if DIR already holds drawings of another. The figure of a sentence is
attention_vis.png or --output_file (.png, .svg, .pdf): a token heatmap, or with --query or another method than raw a bar
for each token. Layers, heads, rows and
columns count from 0 here, as in Python and in file names; in the text under a picture they count from 1.
"""


@click.command(help=HELP, short_help="Draw attention on pictures or over a sentence.")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--image", multiple=True, metavar="IMAGE", help="Same as the argument IMAGE; may be repeated.")
@output("Folder for the files; created if missing.")
@model_options
@look_options
@paint_options
@sentence_options
@seen_options
@asked_options
@click.option(
    "--together",
    is_flag=True,
    help="With --method components: fit the components on all pictures together, so that similar parts get similar "
    "colours in all of them. Each picture passes through the model twice.",
)
@json_option
def visualize(
    images: tuple[str, ...],
    image: tuple[str, ...],
    output: Path,
    truth: bool,
    outline: str | None,
    bundle: bool,
    together: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Draw every picture; those that fail are reported and skipped. Or a sentence."""
    report = Report(as_json)
    idle.tell(report)
    asked = replace(take(texts.Asked, given), output=output)
    texts.check_alone((*image, *images), asked.options)
    if asked.given:
        pictured = {name: given[name] for name in ("save_raw", "plain", "stage", "features", "size", "edit")}
        pictured |= {
            "label": given["labels"],
            "truth": truth,
            "outline": outline,
            "bundle": bundle,
            "together": together,
        }
        texts.check_no_picture(pictured)
        wanted = take(records.Wanted, given)
        text_drawings.visualize(asked, given, take_view(given), take(Paint, given), wanted, report)
        report.finish(command="visualize", output=str(asked.target))
        return
    items = expand([*image, *images])
    if not items:
        raise click.UsageError("want at least one IMAGE, or --text or --input_file for a sentence, got none")
    view, paint, wanted = take_view(given), take(Paint, given), take(records.Wanted, given)
    _check(items, wanted, given["model"] or given["labels"], report)
    films.check(view, paint, together, wanted.stage is not None or wanted.block is not None)
    filmed, view = view, films.still(view, paint)
    model = cache(lambda: loading.load(take(loading.Source, given), report))
    shelf, several = Shelf(output, items, drawings_say, report.note), len(items) > 1
    shared = None
    if together:
        items, shared = fit(items, lambda item: _drawn(item, model, wanted, view, whole=paint.save_raw), view, report)
    for item in report.through(items, "Drawing"):
        with report.attempt(item.said, alone=item.suffix == ".npz"):
            record, picture, found = _drawn(item, model, wanted, view, whole=paint.save_raw)
            found = found if shared is None else shared.drawn(record, found, view)
            _tell(report, item, record, picture, view)
            origin = Origin.of(item)
            folder = shelf.base(item, origin) if several else drawings_folder(output, item, origin, report.note)
            part = None if outline is None else outlines.outlined(outline, item, picture)
            scored = _scored(report, item, record, picture, found, part)
            mask = (picture.truth if truth else None) if part is None else part.mask
            if truth and mask is None:
                report.note(f"{item.text}: nobody has outlined anything in it, so --truth draws nothing.")
            ground = Ground(picture.image, record.geometry, mask, _settings(record, picture), origin)
            written = write(found, ground, paint, folder) + films.write(record, filmed, paint, folder)
            if lacking := remark(found, ground, paint):
                report.note(f"{item.text}: {lacking}.")
            if bundle:
                base = Shelf(folder, [item], bundle_says, report.note).base(item, origin)
                written.append(origin.sign(record).save(base.with_name(base.name + ".npz")))
            said = [_said(one, record) | more for one, more in zip(found, scored, strict=True)]
            report.done(item.said, written, **facts(record), maps=said)
    report.finish(command="visualize", output=str(output))


def _check(items: Sequence[Given], wanted: records.Wanted, chosen: object, report: Report) -> None:
    records.check(items, wanted)
    if chosen and any(item.suffix == ".npz" and is_bundle(item.path) for item in items):
        report.note(
            "Bundles are drawn as they were saved; --model, --label and other options of a model do not change them."
        )


def _drawn(
    item: Given, model: Callable[[], Any], wanted: records.Wanted, view: View, whole: bool
) -> tuple[AttentionRecord, Opened, list[Drawing]]:
    """The record of an input, the picture it is drawn on, and the drawings asked for; `whole` keeps what isn't drawn, too."""
    if wanted.stage is not None or wanted.block is not None:
        if is_bundle(item.path):
            raise ChoiceError("--stage and --block want a model and a picture, got a bundle")
        if view.method != "raw":
            raise ChoiceError(f"--stage and --block draw weights as they are: leave --method out, got {view.method}")
        if view.without_sinks:
            raise ChoiceError("--stage and --block draw weights as they are: leave --without-sinks out")
        from vit_attention.cli.windows import windows  # torch comes with it

        picture = opened(item)
        record, found = windows(model(), picture, wanted.stage or 0, wanted.block or 0, view)
        return record, picture, found
    record, picture = records.of(item, model, wanted, view.needs, None if whole else view.sparing)
    return record, picture, drawings(record, view)


def _scored(
    report: Report,
    item: Given,
    record: AttentionRecord,
    picture: Opened,
    found: list[Drawing],
    part: outlines.Outlined | None,
) -> list[dict[str, Any]]:
    """What JSON holds of every drawing's scores on an outline, {} without one; each is told as well."""
    if part is None:
        return [{} for _ in found]
    out = []
    for one in found:
        scores = outlines.scores(one, part, record, picture)
        where = " ".join(word for word in (f"layer {one.number}", one.part) if word)
        report.note(f"{item.said}, {where}: {outlines.told(part, scores)}")
        out.append({"outline": part.name, "scores": scores})
    for text in outlines.warned(part, record):
        report.note(f"{item.said}: {text}")
    return out


def _settings(record: AttentionRecord, picture: Opened) -> str:
    return f"{record.model}; {picture.title}"


def _tell(report: Report, item: Given, record: AttentionRecord, picture: Opened, view: View) -> None:
    for note in dict.fromkeys([*picture.notes, *record.settings.get("notes", [])]):
        report.note(f"{item.said}: {note}")
    if record.prediction.text:
        report.note(f"{item.said}: {record.prediction.text}")
        if not view.query and not view.chosen.asks_class:
            report.note(
                f"{item.said}: this is the mean over all tokens; choose one with --query WORD or NUMBER, or draw each with --query each."
            )


def facts(record: AttentionRecord) -> dict[str, Any]:
    """What the model said, for JSON."""
    said = record.prediction
    best = [{"class": name, "probability": chance} for name, chance in said.top(5)]
    return {
        "model": record.model,
        "weights_hash": record.weights_hash,
        "text": said.text or None,
        "tokens": list(said.tokens),
        "classes": best,
    }


def _said(one: Drawing, record: AttentionRecord) -> dict[str, Any]:
    from visualizer.words.maps import describe

    shown = one.map
    on_page = record.geometry if shown.axis.grid is not None else None
    words = describe(shown.row, shown.axis, name=shown.words, unit=shown.unit, geometry=on_page)
    return {"layer": one.number, "name": one.name, "part": one.part or None, "shows": shown.words, "text": words}
