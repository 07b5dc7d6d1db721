"""`judge`: does a model use what a map of it marks? Deletion, insertion and ROAD beside orders that know nothing, as a table."""

import csv
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click

from visualizer.measures.faithfulness import Faithfulness
from visualizer.words.faithfulness import MEANING
from vit_attention.cli import idle, loading, texts
from vit_attention.cli.drawings import View, choices
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.guard import say
from vit_attention.cli.inputs import expand, opened
from vit_attention.cli.map_options import judged_options, take_view
from vit_attention.cli.options import json_option, label_options, model_options, take
from vit_attention.cli.report import Report, table
from vit_attention.cli.values import NewFile

HELP = """Does a model use what a map of it marks? Patches or words are covered in the map's order, and the score is measured.

\b
  vit-attention judge scene-7 --model scene-vit --method rollout
  vit-attention judge cat.jpg --model vit-b-16 --method relevance --class "tabby" --steps 20
  vit-attention judge 'photos/*.jpg' --model photo-dino --target similar:6,8 --no-controls --csv scores.csv
  vit-attention judge --text "The soup was not good." --model review-encoder --method masking

Deletion covers what the map marks, strongest first; insertion begins with nothing and shows it; the AUC is the mean score on the
way. ROAD imputes 10 to 90 % of the patches and compares strongest first with weakest first. Of the parameters of methods,
--steps, --baseline and --seed are those of the curves here; a parameter of the method with the same name keeps its default.
"""


@click.command(help=HELP, short_help="Score a map by what covering its parts does to the model.")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--text", metavar="TEXT", help="A sentence, for a model that reads text, in place of pictures.")
@model_options
@judged_options
@label_options
@click.option("--csv", "csv_file", type=NewFile(path_type=Path), metavar="FILE", help="Also write the table to a file.")
@json_option
def judge(images: tuple[str, ...], text: str | None, csv_file: Path | None, as_json: bool, **given: Any) -> None:
    """Judge the map of every picture, or that of a sentence; those that fail are reported and skipped."""
    report, view = Report(as_json), _view(given)
    idle.tell(report, "steps", "baseline", "seed")
    if bool(images) == (text is not None):
        raise click.UsageError(f"want IMAGE or --text, got {'both' if images else 'neither'}")
    model = cache(lambda: loading.load(take(loading.Source, given), report))
    rows: list[dict[str, Any]] = []
    for name, item in _inputs(images, text, report):
        with report.attempt(name):
            found = _judged(model(), item(), view, given)
            rows += [{"input": name, "about": found.about, "unit": found.unit, **row} for row in found.table()]
            report.done(name, **_plain(found))
            for note in found.notes:
                report.note(f"{name}: {note}")
            if not as_json:
                say(_text(name, found))
    if csv_file is not None and rows:
        _write(csv_file, rows)
    report.finish(command="judge")


def _view(given: dict[str, Any]) -> View:
    """Which map is meant; a single layer and head."""
    single = {name: None if given[name] is None else (given[name],) for name in ("layer", "head")}
    return take_view({**given, **single})


def _inputs(images: Sequence[str], text: str | None, report: Report) -> Iterator[tuple[str, Any]]:
    """What each input is called, and what opens it."""
    if text is not None:
        texts.check_text(text)
        yield "text", lambda: text
    else:
        for item in report.through(expand(images), "Judging"):
            yield item.said, lambda item=item: opened(item).image


def _judged(model: Any, item: Any, view: View, given: dict[str, Any]) -> Faithfulness:
    from vit_attention.judging import faithfulness

    loading.check_signals(model, view.needs - {"weights"}, given["target"])
    with choices(view):
        return faithfulness(
            model,
            item,
            view.method,
            target=loading.target(model, given["target"]),
            baselines=given["baselines"] or None,
            query=view.query or None,
            knobs=view.given,
            **{name: given[name] for name in ("layer", "head", "steps", "controls", "road", "seed", "size")},
        )


def _plain(found: Faithfulness) -> dict[str, Any]:
    """A result as JSON can hold it; curves with every draw."""
    curves = [
        {
            "order": one.order,
            "kind": one.kind,
            "baseline": one.baseline,
            "shares": one.shares,
            "draws": one.draws,
            "auc": one.auc,
        }
        for one in found.curves
    ]
    about = {"about": found.about, "unit": found.unit, "passes": dict(found.passes), "notes": list(found.notes)}
    return {**about, "table": found.table(), "curves": curves}


def _text(name: str, found: Faithfulness) -> str:
    rows = found.table()
    heads = list(dict.fromkeys(head for row in rows for head in row if head not in ("order", "draws")))
    lines = [[_order(row), *(_number(row.get(head), found.unit) for head in heads)] for row in rows]
    passes = ", ".join(f"{count} for the {part}" for part, count in found.passes.items())
    asked = f"{name}: {found.unit} of {found.about}" if found.unit == "probability" else f"{name}: {found.about}"
    return "\n".join([asked, *table(["order of", *heads], lines), f"Passes through the model: {passes}.", MEANING])


def _order(row: dict[str, Any]) -> str:
    return row["order"] if row["draws"] == 1 else f"{row['order']} (mean of {row['draws']})"


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f} %" if unit == "probability" else f"{value:.3f}"


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    heads = list(dict.fromkeys(head for row in rows for head in row))
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, heads)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise ChoiceError(f"--csv: {error.strerror}: {path.name}") from error
