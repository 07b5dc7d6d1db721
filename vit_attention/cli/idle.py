"""Options that were given and change nothing beside the others; said before the work begins."""

from collections.abc import Iterator, Mapping
from typing import Any

import click
from click.core import ParameterSource

from visualizer.method import methods
from vit_attention.cli.report import Report

NEEDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "clip": ("scale", ("clipped",)),
    "scale_to": ("scale", ("shared",)),
    "frame_time": ("film", ()),
    "edit_with": ("edit", ()),
    "edit_seed": ("edit_with", ("shuffle", "exchange")),
    "edit_turn": ("edit_with", ("rotate",)),
    "edit_shift": ("edit_with", ("move",)),
    "edit_from": ("edit_with", ("paste",)),
}
"""Of an option, by its parameter's name, the other without which it does nothing, and the values that this must have."""


def given(context: click.Context) -> dict[str, str]:
    """The options of the command line as help spells them, by their parameters' names."""
    return {
        option.name: option.opts[0]
        for option in context.command.params
        if option.name and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    }


def tell(report: Report, *own: str) -> None:
    """Note every option that changes nothing; `own` are options of the command that share a parameter's name."""
    context = click.get_current_context()
    for name, option in given(context).items():
        for lacks in (*_lacking(name, context.params), *(() if name in own else _foreign(name, context.params))):
            report.note(f"{option} does nothing {lacks}.")


def _lacking(name: str, chosen: Mapping[str, Any]) -> Iterator[str]:
    """What an option lacks; what that lacks itself is said as well only if it was given."""
    if name not in NEEDS:
        return
    other, values = NEEDS[name]
    if chosen[other] is None or (values and chosen[other] not in values):
        yield f"without --{other.replace('_', '-')} {' or '.join(values)}".rstrip()
    elif other in NEEDS:
        yield from _lacking(other, chosen)


def _foreign(name: str, chosen: Mapping[str, Any]) -> Iterator[str]:
    """The methods that have the knob, where the chosen one has not."""
    users = [way for way, one in methods().items() if name in {knob.name for knob in (*one.knobs, *one.run)}]
    if users and chosen["method"] not in users:
        yield f"with --method {chosen['method']}; it belongs to {', '.join(users)}"
