"""`show` and `models`: what is in a bundle, and which models there are; neither imports torch."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vit_attention.cli.guard import say
from vit_attention.cli.options import json_option
from vit_attention.cli.report import Report, echo_json, table
from vit_attention.cli.values import FILE
from vit_attention.cli.visualize import facts
from vit_attention.gate import regular
from vit_attention.gate.refusal import one_line
from vit_attention.records import AttentionMap, AttentionRecord
from vit_attention.registry import models as cards

SHOW = """Describe bundles that `extract`, `read` or `visualize --bundle` saved.

\b
  vit-attention show cat.npz
  vit-attention show bundles/*.npz --json
"""
MODELS = """List the models that --model accepts.

\b
  vit-attention models
  vit-attention models --json

Folders and hub ids of the transformers library work too: hf:FOLDER, hf:OWNER/NAME.
"""


@click.command(help=SHOW, short_help="Describe bundles.")
@click.argument("bundles", nargs=-1, required=True, type=FILE, metavar="BUNDLE...")
@json_option
def show(bundles: tuple[Path, ...], as_json: bool) -> None:
    """Describe every bundle; files that are none are reported and skipped."""
    report = Report(as_json)
    for path in bundles:
        with report.attempt(str(path)):
            about = summary(AttentionRecord.load(regular(path)))
            report.done(str(path), **about)
            if not as_json:
                say(_text(path, about))
    report.finish(command="show")


def summary(record: AttentionRecord) -> dict[str, Any]:
    """A record as plain data: what made it, what the model said, and one entry per map with its mean entropy in bits."""
    return {
        **facts(record),
        "settings": record.settings,
        "versions": record.versions,
        "residuals": "stated by the file, not checked here",
        "megabytes": record.nbytes / 1e6,
        "picture": list(record.geometry.original) if record.geometry else None,
        "model_input": list(record.geometry.seen) if record.geometry else None,
        "steps": list(record.geometry.steps) if record.geometry else [],
        "maps": [_map(one) for one in record.maps],
    }


def _map(one: AttentionMap) -> dict[str, Any]:
    from visualizer.measures.entropy import entropy
    from visualizer.measures.undefined import mean

    return {
        "layer": one.layer,
        "name": one.name,
        "kind": one.kind,
        "heads": len(one.weights),
        "queries": one.weights.shape[1],
        "keys": one.weights.shape[2],
        "asks": one.query.kind,
        "answers": one.key.kind,
        "grid": one.key.grid,
        "precision": str(one.weights.dtype),
        "gradient": one.gradient is not None,
        "residual": one.residual,
        "entropy_bits": float(mean(mean(entropy(one.single)))) if one.weights.size else None,
    }


def _model(name: str, weights_hash: str) -> str:
    """As the bundle says it; one that was made of JSON knows no model."""
    return f"{one_line(name)} ({one_line(weights_hash)})" if name else "not stated"


def _text(path: Path, about: dict[str, Any]) -> str:
    said = about["text"] or "; ".join(f"{one['class']} {one['probability']:.1%}" for one in about["classes"])
    size = "x".join(map(str, about["picture"])) + " pixels" if about["picture"] else "none"
    rows = [
        [
            str(m["layer"]),
            m["kind"],
            str(m["heads"]),
            f"{m['queries']} x {m['keys']}",
            f"{m['asks']} x {m['answers']}",
            "-" if m["entropy_bits"] is None else f"{m['entropy_bits']:.2f}",
            "-" if m["residual"] is None else f"{m['residual']:.1e}",
            m["name"],
        ]
        for m in about["maps"]
    ]
    head = ["layer", "kind", "heads", "rows x columns", "queries x keys", "entropy (bits)", "stated residual", "name"]
    lines = [
        one_line(path),
        f"  model    {_model(about['model'], about['weights_hash'])}",
        f"  picture  {size}",
        f"  said     {one_line(said) or 'nothing'}",
        f"  size     {about['megabytes']:.1f} MB in memory",
    ]
    return "\n".join([*lines, "", *("  " + one for one in table(head, rows))])


@click.command(help=MODELS, short_help="List the models.")
@json_option
def models(as_json: bool) -> None:
    """Print a table of the cards, or all that is known about them."""
    if as_json:
        echo_json([{**asdict(card), "measured": card.measured} for card in cards()])
        return
    rows = [
        [
            card.name,
            card.task,
            card.family,
            f"{card.megabytes:.0f}",
            "bundled" if card.bundled else "on request",
            card.knows,
        ]
        for card in cards()
    ]
    say("\n".join(table(["name", "task", "family", "MB", "weights", "knows"], rows)))
