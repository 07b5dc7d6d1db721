"""The shell command that makes the same picture as a page; pages show it, tests run it. Imports nothing slow."""

import shlex
from collections.abc import Sequence
from typing import Any

from visualizer.method import methods
from vit_attention.cli.drawings import View
from vit_attention.cli.paint import Paint

PROGRAM = ("python", "-m", "vit_attention")
OWN_PICTURE = "my_picture.jpg"
"""Stands for an upload, whose place on the reader's disk nobody knows."""

_UPLOADS = ("own-", "own document")
"""How ids of uploads begin."""

Query = int | str | tuple[int, int] | Sequence[tuple[int, int]]


def command(
    model: str | None,
    picture: str,
    layer: int | str | None = None,
    head: int | None = None,
    method: str = "raw",
    query: Query | None = None,
    **options: Any,
) -> str:
    """One line for a shell; what is as the command line has it anyway is left out.

    Args:
        model: its name; None for a bundle.
        picture: file, bundle, or the name of a drawn or sample picture, as in a page's address.
        layer, head: 0 first, or a text such as "0-3"; None for all layers, or the mean of all heads.
        method: one of `visualizer.methods()`.
        query: a token's number, "class", a word, "mean"; (row, column) of a patch, or several, 0 first.
        options: fields of `View`, `Paint` and `Wanted`, and truth, outline, bundle and output: ``residual=0.9, colormap="Jet"``.

    Raises:
        ValueError: an option that the command line does not have.

    >>> command("scene-vit", "scene-7", layer=3, query=(6, 8), colormap="Jet")
    'python -m vit_attention visualize scene-7 --model scene-vit --layer 3 --query 6,8 --colormap Jet'
    """
    named = {"model": model, "layer": layer, "head": head, "method": method, "query": query}
    return _line("visualize", [picture], named | options)


def sentence_command(text: str | None = None, model: str | None = None, **options: Any) -> str:
    """The line that draws a sentence, or one from an `input_file`; options as for `command`, and words, without_special and mode.

    >>> sentence_command("not bad", "review-encoder", layer=3, head=1, words=True)
    "python -m vit_attention visualize --text 'not bad' --model review-encoder --layer 3 --head 1 --words"
    """
    return _line("visualize", [], {"text": text, "model": model, **options})


def sentence_extract(text: str, model: str, output_file: str) -> str:
    """The line that saves the attention of a sentence as JSON.

    >>> sentence_extract("not bad", "review-encoder", "attention_data.json")
    "python -m vit_attention extract --text 'not bad' --model review-encoder --output_file attention_data.json"
    """
    return _line("extract", [], {"text": text, "model": model, "output_file": output_file})


def extract_command(picture: str, model: str, **options: Any) -> str:
    """The line that saves the record of a picture as a bundle.

    >>> extract_command("scene-7", "scene-vit", half=True)
    'python -m vit_attention extract scene-7 --model scene-vit --half'
    """
    return _line("extract", [picture], {"model": model, **options})


def read_command(pages: Sequence[str], model: str, **options: Any) -> str:
    """The line that reads pages to JSON with boxes.

    >>> read_command(["receipt-3-3"], "receipt-donut", prompt="<s_receipt>")
    "python -m vit_attention read receipt-3-3 --model receipt-donut --prompt '<s_receipt>'"
    """
    return _line("read", pages, {"model": model, **options})


def _line(command: str, inputs: Sequence[str], options: dict[str, Any]) -> str:
    words = [*PROGRAM, command, *(_safe(OWN_PICTURE if one.startswith(_UPLOADS) else one) for one in inputs)]
    for name, value in options.items():
        words += _option(name, value)
    return shlex.join(words)


_KNOBS = [knob for one in methods().values() for knob in (*one.knobs, *one.run)]
_DEFAULTS: dict[str, Any] = {
    **{name: knob.default for knob in _KNOBS for name in (knob.name, knob.key)},
    **vars(View()),
    **vars(Paint()),
    "model": None,
    "output": "attn_vis",
    "target": None,
    "prompt": None,
    "question": None,
    "beams": 1,
    "features": None,
    "labels": (),
    "beside": (),
    "text": None,
    "input_file": None,
    "words": False,
    "without_special": False,
    "weights": None,
    "weights_key": None,
    "infos_path": None,
    "half": False,
    "truth": False,
    "outline": None,
    "bundle": False,
    "stage": None,
    "block": 0,
    "tight": True,
    "bundles": True,
    "layers": None,
    "heads": None,
    "queries": None,
    "size": None,
    "whole": None,
    "edit": None,
    "edit_with": "mean",
    "edit_seed": 0,
    "edit_turn": "180",
    "edit_shift": (0, 0),
    "edit_from": None,
    "mode": "plot",
    "output_file": None,
}
_UNDERLINED = ("infos_path", "input_file", "output_file", "model_dir")


def _option(name: str, value: Any) -> list[str]:
    """The words of one option; none where the command line does so without being told."""
    if name not in _DEFAULTS:
        raise ValueError(f"option: want one of {', '.join(_DEFAULTS)}, got {name!r}")
    flag = "--" + (name if name in _UNDERLINED else name.replace("_", "-"))
    if name == "query":
        return [word for text in _queries(value) for word in _words(flag, text)]
    if name in ("labels", "beside"):
        return [word for text in value for word in _words(flag.removesuffix("s"), text)]
    # An empty target is a page's way of saying "the likeliest".
    if value is None or value == _DEFAULTS[name] or (value == "" and _DEFAULTS[name] is None and name == "target"):
        return []
    if isinstance(value, bool):
        return [flag] if value else ["--no" + flag.removeprefix("-")]
    if isinstance(value, float):
        value = repr(value)
    if isinstance(value, (list, tuple)):
        value = ",".join(map(str, value))
    return _words(flag, str(value))


def _words(flag: str, text: str) -> list[str]:
    return [f"{flag}={text}"] if text.startswith("-") else [flag, text]


def _safe(path: str) -> str:
    """A file whose name begins with a dash is no option."""
    return f"./{path}" if path.startswith("-") else path


def _queries(query: Query | None) -> list[str]:
    if query is None:
        return []
    if isinstance(query, (int, str)):
        return [str(query)]
    if len(query) == 2 and all(isinstance(n, int) for n in query):
        return [f"{query[0]},{query[1]}"]
    return [f"{row},{column}" for row, column in query]  # type: ignore[misc]
