"""What a page hands out to make its view again: lines of Python for a notebook, and commands for a shell.

A command makes the picture of its page: the same numbers, scale, colours and outlines. Layers, heads, rows and columns count
from 0 there, as in Python.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings import Context
from visualizer.method import Map, methods
from visualizer.style.scale import Scale
from vit_attention.cli.recipe import command as command_line
from vit_attention.cli.recipe import sentence_command
from worlds.photographs import photographs

BUNDLE = "bundle"
"""Id of the picture of an opened record."""


def picture_code(picture_id: str) -> str:
    """The lines that open or draw the picture."""
    parts = picture_id.split("-")
    if parts[0] == "scene":
        extra = f", objects={parts[2]}, difficulty={int(parts[3]) / 100}" if len(parts) == 4 else ""
        return f"from worlds.scenes import scene\n\npicture = scene({parts[1]}{extra}).picture\n"
    if picture_id in photographs():
        return f'picture = "{picture_id}"\n'
    return 'picture = "my_picture.jpg"\n'


def given_code(now: Context) -> str:
    """The lines that make what the model is given: a text, or a picture, which dual encoders tell from a text by its type."""
    if now.of_text:
        return f"text = {now.picture.text!r}\n"
    made = picture_code(now.picture.id)
    if now.labels and now.picture.scene is None:
        made = f"picture = va.open_picture({made.partition(' = ')[2].strip()}).image\n"
    return made + f"labels = {list(now.labels)!r}\n" * bool(now.labels)


def _attend(now: Context, more: str = "") -> str:
    """The call that makes a record."""
    given = "text" if now.of_text else "picture" + ", labels=labels" * bool(now.labels)
    return f"record = model.attend({given}{more})\n"


def record_code(now: Context) -> str:
    """Picture, model and record, or the file of a record, and the chosen layer, head and query as variables."""
    size = f", size={now.size}, queries=[0], whole=[{now.chosen.layer}], half=True" if now.size else ""
    run = f'{given_code(now)}model = va.load("{now.model}")\n{_attend(now, size)}'
    load = "va.read_attention_json" if now.picture.title.endswith(".json") else "va.AttentionRecord.load"
    opened = f"\nrecord = {load}({now.picture.title!r})\n"
    return (
        f"import vit_attention as va\n{opened if now.picture.id == BUNDLE else run}"
        f"layer = {now.chosen.layer}  # layer {now.chosen.layer + 1}; numbers begin at 0\n"
        f"head = {now.chosen.head}  # {now.head_name()}\n"
        f"query = {(now.query if now.of_text else now.chosen.query)!r}  # {_asks(now)}\n"
        "weights = record.maps[layer].weights  # (heads, queries, keys)\n\n"
    )


def _asks(now: Context) -> str:
    """Who asks, in a comment; a token may be called anything, so only its `repr` stands there."""
    return repr(now.query_name() if now.of_text else now.axis.name(now.chosen.query))


def map_code(now: Context, name: str, found: Map, target: str = "", knobs: Mapping[str, Any] | None = None) -> str:
    """The lines that make a method's map from ``record``, or from ``model`` and ``picture`` where it needs more of them."""
    method, more = methods()[name], ""
    usual = {knob.name: knob.default for knob in (*method.knobs, *method.run) if not isinstance(knob.default, tuple)}
    changed = {key: value for key, value in (knobs or {}).items() if key in usual and value != usual[key]}
    if now.size is not None:
        asked = now.question(method)
        few = _arguments([f"model.axis({now.size})", f"{asked.get('layer')}", f"{asked.get('query')!r}"], changed)
        more = f'few = methods()["{name}"].sparing({few})\nrecord = model.attend(picture, size={now.size}, **few)\n'
    elif method.needs != {"weights"} and now.picture.id != BUNDLE:
        run = {knob.name: changed[knob.name] for knob in method.run if knob.name in changed}
        run |= {"query": now.question(method)["query"]} if method.asked_by == "patch" and method.run else {}
        needs = f"needs_for({_arguments([], run)})" if run else "needs"
        wanted = f", target={now.target(target)!r}" if method.asks_class else ""
        more = _attend(now, f'{wanted}, keep=methods()["{name}"].{needs}')
    return f"from visualizer import methods\n\n{more}found = {found.code}\nrow, values = found.row, found.values\n"


def _arguments(first: Sequence[str], named: Mapping[str, Any]) -> str:
    return ", ".join([*first, *(f"{name}={value!r}" for name, value in named.items())])


def command(
    now: Context, name: str = "raw", target: str = "", knobs: Mapping[str, Any] | None = None, **look: Any
) -> str:
    """The command of one map of a picture under a model.

    Args:
        now: what the page looks at.
        name: of the method.
        target: class asked about, for methods that ask about one; "" takes the likeliest.
        knobs: of the method, by name.
        look: options of the command line that go before what the context says: ``head=None, scale="log", alpha=0.7``.
    """
    method = methods()[name]
    values = {knob.key: (knobs or {}).get(knob.name) for knob in (*method.knobs, *method.run)}
    options = {
        "query": None,
        **now.question(method),
        # What asks about a class is answered from weights in full precision.
        "half": now.picture.id != BUNDLE and not method.asks_class,
        **{key: value for key, value in values.items() if not isinstance(value, tuple)},
        "target": now.target(target) if method.asks_class else None,
        "size": now.size,
        "labels": now.labels,
    }
    if now.of_text:
        where = {"input_file": now.picture.title} if now.picture.id == BUNDLE else {"text": now.picture.text}
        options |= {"model": None if now.picture.id == BUNDLE else now.model}
        # Who asks is named also where it is the class token: without it the command line draws the whole matrix.
        return sentence_command(**where, method=name, **{**options, **look})
    return command_line(*source(now), method=name, **{**options, **look})


def source(now: Context) -> tuple[str | None, str]:
    """(model or None, picture) as the command line names them; a bundle needs no model."""
    return (None, now.picture.title) if now.picture.id == BUNDLE else (now.model, now.picture.id)


FADED: dict[str, Any] = {"alpha": 0.8, "fade": True}
"""The options that draw a map as `controls.shares` has it drawn."""


def scaled(mode: str | Scale, together: Sequence[NDArray[Any]] | NDArray[Any] | None = None) -> dict[str, Any]:
    """The options of a colour scale; maps that share it with the one drawn count by their maximum."""
    scale = mode if isinstance(mode, Scale) else Scale(mode)
    most = None if scale.mode != "shared" or together is None else float(max(np.nanmax(one) for one in together))
    return {"scale": scale.mode, "clip": scale.clip_percentile, "scale_to": most}


def note(mode: str) -> str:
    """What to know about a scale whose range comes from every map of a figure."""
    if mode not in ("log", "clipped"):
        return ""
    return f"With --scale {mode} every map gets a range of its own; the figure of several maps above takes one for all."
