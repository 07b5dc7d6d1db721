"""docs/methods.md and docs/models.md, from the tables that menus and the command line are made of.

Run as ``python -m tools.tables``; a test compares what is written with what it would write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import vit_attention as va
from visualizer import methods
from visualizer.method import Knob, Method
from vit_attention.gate import LIMITS

DOCS = Path(__file__).resolve().parents[1] / "docs"

METHODS = """# Methods

Each is one file of `visualizer/method/`, named like the method. In Python:

    record = model.attend(picture, target="star", keep=methods()["relevance"].needs)
    methods()["relevance"](record, start_layer=2).values

On the command line: `vit-attention visualize PICTURE --model NAME --method relevance --target star --start-layer 2`.
Written by `python -m tools.tables`.
"""
MODELS = """# Models

What `va.models()` lists and `--model` takes. Two more names are open-ended:

- `hf:FOLDER` or `hf:OWNER/NAME`, the transformers library: ViT, DeiT, DINOv2 with and without registers, BEiT, and Donut (a
  `VisionEncoderDecoderModel` with its tokenizer). A model's own code is never run.
- `timm:NAME`, plain vision transformers of timm (`pip install timm`): ViT, DeiT, DINOv2, DINOv3, EVA-02, BEiT, SigLIP.

Any other network goes through `va.record_of` or `va.capture`. Written by `python -m tools.tables`.
"""
LIMITED = """# Limits

How large a thing from outside may be. What is larger is refused before anything is made of it. Written by
`python -m tools.tables`.
"""
LAYERS = {"one": "one layer", "until": "up to one layer", "through": "all layers, or up to one", "all": "all layers"}
ASKED = {
    "any": "any token",
    "class": "the class token",
    "patch": "one patch",
    "nobody": "nobody: the picture is changed",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table.

    >>> print(table(["a"], [["1"]]), end="")
    | a |
    | --- |
    | 1 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def _knob(knob: Knob) -> str:
    if isinstance(knob.default, tuple):
        return f"`{knob.name}`, the patch that asks"
    span = " / ".join(knob.choices) or f"from {knob.low:g}" + (f" to {knob.high:g}" if knob.high < float("inf") else "")
    return f"`{knob.name}` ({span}; {knob.default})"


def _method(one: Method) -> list[str]:
    knobs = ", ".join(_knob(knob) for knob in (*one.knobs, *one.run)) or "none"
    needs = sorted([*one.signals, *(["a run"] if one.run else [])])
    asks = f"{LAYERS[one.layers]}{', one head' * one.heads}; asked by {ASKED[one.asked_by]}"
    return [f"`{one.name}`", one.meaning, asks, ", ".join(["weights", *needs]), knobs, one.source or "this project"]


def documents() -> dict[str, str]:
    """What each file of docs/ holds, by its name."""
    head = ["name", "what it shows", "looks at", "needs", "knobs (range; default)", "source"]
    cards = [
        [
            f"`{one.name}`",
            one.family,
            one.task,
            f"{one.megabytes:.1f}",
            "bundled" if one.bundled else "on request",
            one.licence,
            one.knows,
        ]
        for one in va.models()
    ]
    limits = [[name, f"{one.most:,} {one.unit}", one.reason] for name, one in LIMITS.items()]
    models = ["name", "family", "task", "MB", "weights", "licence", "knows"]
    return {
        "methods.md": f"{METHODS}\n{table(head, map(_method, methods().values()))}",
        "models.md": f"{MODELS}\n{table(models, cards)}",
        "limits.md": f"{LIMITED}\n{table(['what', 'at most', 'because'], limits)}",
    }


if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    for name, text in documents().items():
        (DOCS / name).write_text(text, encoding="utf-8")
