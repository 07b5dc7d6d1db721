"""Options of a map: its method, layers, heads and query, the methods' own knobs, and how it is judged. Imports nothing slow."""

from dataclasses import replace
from typing import Any

import click

from visualizer.method import Knob, methods
from vit_attention.cli.drawings import View
from vit_attention.cli.options import Command, take, together
from vit_attention.cli.values import MOST, Finite, Numbers


def _method(default: str) -> Command:
    said = " ".join(f"{name}: {one.meaning}" for name, one in methods().items())
    return click.option("--method", type=click.Choice(list(methods())), default=default, show_default=True, help=said)


_LOOK: tuple[Command, ...] = (
    click.option(
        "--layer",
        "--layers",
        "layer",
        type=Numbers(),
        help="Layers, counted from 0, such as 3 or 0,5-7.  [default: the last; of pictures all for "
        f"{', '.join(name for name, one in methods().items() if one.layers == 'one' and not one.of_patches)}]",
    ),
    click.option(
        "--head",
        "--heads",
        "head",
        type=Numbers(),
        help="Heads, counted from 0, each drawn separately.  [default: their mean]",
    ),
    click.option(
        "--avg-heads/--no-avg-heads",
        default=True,
        help="Without --head: draw the mean of all heads, or each head separately.",
    ),
    _method("raw"),
    click.option(
        "--query",
        "--queries",
        "query",
        multiple=True,
        metavar="TOKEN",
        help="Query token: class; row,column of a patch (from 0,0); a token's number; a word that was given, read or "
        "generated; field:PATH of a document; mean; or each. Several are combined.  [default: class, or mean if there is no "
        "class token; with raw, all tokens of a sentence]",
    ),
    click.option("--kind", type=click.Choice(["self", "cross", "window"]), help="Only maps of this kind."),
    click.option(
        "--without-sinks",
        is_flag=True,
        help="Leave out sinks, patches that draw attention from all others, and rescale the rest; the model is not changed.",
    ),
    click.option(
        "--stage",
        type=click.IntRange(0),
        help="Stage of a reader's encoder, counted from 0: draw where one cell (--query row,column) looks within its window.",
    ),
    click.option("--block", type=click.IntRange(0), help="Block of that stage, counted from 0.  [default: 0]"),
)


def knobs() -> dict[str, Knob]:
    """Every knob that the command line offers, by name: those of all methods, but for the patch that asks anyway."""
    found = {knob.name: knob for one in methods().values() for knob in (*one.knobs, *one.run)}
    return {name: knob for name, knob in found.items() if not isinstance(knob.default, tuple)}


def _option(knob: Knob) -> Command:
    flags = dict.fromkeys("--" + name.replace("_", "-") for name in (knob.key, knob.name))
    kind: Any = click.Choice(knob.choices) if knob.choices else click.IntRange(int(knob.low))
    if isinstance(knob.default, float):
        kind = Finite(knob.low, knob.high, max_open=knob.below)
    users = ", ".join(name for name, one in methods().items() if knob in (*one.knobs, *one.run))
    return click.option(
        *flags, knob.name, type=kind, default=knob.default, show_default=True, help=f"{knob.help} For {users}."
    )


_KNOBS = tuple(_option(knob) for knob in knobs().values())
_JUDGED: tuple[Command, ...] = (
    _method("rollout"),
    click.option("--layer", type=click.IntRange(0), help="Layer of the map, counted from 0.  [default: the last]"),
    click.option("--head", type=click.IntRange(0), help="Head of the map, counted from 0.  [default: all together]"),
    click.option("--query", multiple=True, metavar="TOKEN", help="Query token, as `visualize` takes it."),
    click.option(
        "--target",
        "--class",
        "target",
        metavar="CLASS",
        help="Class, by name or number, whose probability is measured; or a similarity, such as similar:6,8.  [default: the most "
        "probable class]",
    ),
    click.option(
        "--steps", type=click.IntRange(1, MOST), default=10, show_default=True, help="Equal steps of every curve."
    ),
    click.option(
        "--baseline",
        "baselines",
        multiple=True,
        type=click.Choice(["mean", "zero", "blur", "mask", "leave out"]),
        help="What stands in place of what is covered; may be repeated: mean, zero or blur of a picture, mask or leave out of a "
        "sentence.  [default: mean and blur; of a sentence what its model does by itself]",
    ),
    click.option(
        "--controls/--no-controls",
        default=True,
        help="Also measure orders that know nothing: random, the centre of the picture, its colours, and the untrained network.",
    ),
    click.option("--road/--no-road", default=True, help="Also measure ROAD, which imputes what is covered."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything random."),
)

look_options = together(_LOOK, _KNOBS)
judged_options = together(
    _JUDGED, tuple(one for name, one in zip(knobs(), _KNOBS, strict=True) if name not in ("steps", "baseline", "seed"))
)


def take_view(given: dict[str, Any]) -> View:
    """What of a record the options ask to draw."""
    return replace(take(View, given), knobs={name: given[name] for name in knobs() if name in given})
