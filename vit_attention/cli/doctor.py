"""`doctor`: proves capture on this machine's own versions, and tells what is at hand."""

from dataclasses import asdict
from typing import Any

import click

from vit_attention.cli.errors import FAILURES
from vit_attention.cli.guard import say
from vit_attention.cli.options import json_option
from vit_attention.cli.report import echo_json, table
from vit_attention.gate.refusal import one_line

DOCTOR = """Test attention capture on the installed versions, and list what is on this machine.

\b
  vit-attention doctor
  vit-attention doctor --model scene-vit
  vit-attention doctor --model hf:FOLDER --json

A tiny network is tested for each kind of attention: the maps have the right shape, their rows sum to 1, weights x values
equal what PyTorch computed, and the output depends on the weights. The exit code is 1 if a test fails.
"""


@click.command(help=DOCTOR, short_help="Test capture on this machine.")
@click.option("--model", metavar="NAME", help="Test this model as well: a name, hf:FOLDER or timm:NAME.")
@json_option
def doctor(model: str | None, as_json: bool) -> None:
    """Print the surroundings and one line a check."""
    from vit_attention.doctor import examine, examine_model, surroundings

    about = surroundings()
    if not as_json:
        say("\n".join(_about(about)))
    try:
        of_model = list(examine_model(model)) if model else []
    except FAILURES as error:
        raise click.UsageError(f"--model: {one_line(error).removeprefix('model: ')}") from error
    found = [*examine(), *of_model]
    if as_json:
        echo_json({"command": "doctor", **about, "findings": [asdict(one) for one in found]})
    else:
        head = ["", "what", "maps", "heads, rows, columns", "rows off", "residual", "derivative"]
        say("\n".join(table(head, [_row(one) for one in found])))
    if any(one.state == "failed" for one in found):
        raise click.exceptions.Exit(1)


def _about(about: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {number or 'not installed'}" for name, number in about["versions"].items())
    downloaded = ", ".join(f"{one_line(name)} ({size / 1e6:.0f} MB)" for name, size in about["downloaded"].items())
    return [
        f"Python {about['python']} on {about['system']}; {versions}",
        f"device {about['device']}, {about['threads']} threads",
        f"bundled models: {', '.join(about['bundled'])}",
        f"downloaded weights: {downloaded or 'none'} in {one_line(about['cache'])}",
        "",
    ]


def _row(one: Any) -> list[str]:
    if one.state != "ok":
        return [one.state, one.name, one.reason, "", "", "", ""]
    shapes = "; ".join(", ".join(map(str, shape)) for shape in one.shapes)
    numbers = ["-" if n is None else f"{n:.0e}" for n in (one.row_error, one.residual, one.change)]
    return [one.state, one.name, str(one.maps), shapes, *numbers]
