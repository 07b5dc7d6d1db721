"""docs/methods.md, models.md, limits.md and claims.md, from the tables that menus, the command line and lessons are made of.

Run as ``python -m tools.tables``; a test compares what is written with what it would write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import vit_attention as va
from tutorials.claims.precomputed import loaded
from tutorials.claims.thousands import known
from tutorials.lessons import lessons
from visualizer import STATISTICS, methods
from visualizer.method import Knob, Method
from vit_attention.gate import LIMITS

DOCS = Path(__file__).resolve().parents[1] / "docs"

METHODS = """# Methods

A method turns a record into one map. In Python:

    record = model.attend(picture, target="star", keep=methods()["relevance"].needs)
    methods()["relevance"](record, start_layer=2).values

On the command line: `vit-attention visualize PICTURE --model NAME --method relevance --target star --start-layer 2`.
[Save, share, extend](how-to/share.md#a-method-of-your-own) shows how to add one. `python -m tools.tables` writes this page.
"""
TAKES = """## What each one takes

*Needs* is what the record must contain: pass it to `attend` as `keep=methods()[NAME].needs`. A run takes part in the
pass, or runs the model again on changed inputs.
"""
NUMBERS = """## Numbers of a head

`record.table(NAME)` and `attend_many(...).table(NAME)` compute these for every head of every layer.
"""
MODELS = """# Models

These are the names that `va.models()` lists and that `--model` accepts. Two more forms cover everything else:

- `hf:FOLDER` or `hf:OWNER/NAME` loads models of the transformers library: for pictures ViT, DeiT, DINOv2 with and without
  registers, and BEiT; for pictures and texts CLIP and SigLIP; for texts BERT, RoBERTa, XLM-RoBERTa, CamemBERT, DistilBERT,
  ALBERT, ELECTRA, ERNIE, DeBERTa-v2, ModernBERT, MPNet and sentence encoders built on them; and Donut (a
  `VisionEncoderDecoderModel` with its tokenizer). Code that comes with a model is never run.
- `timm:NAME` loads plain vision transformers of timm: ViT, DeiT, DINOv2, DINOv3, EVA-02, BEiT and SigLIP. It needs the timm
  library (`pip install timm`); without it the error message says so.

*weights* says how a download is pinned: to a commit of the Hugging Face Hub, or by a hash. A model that is not pinned follows the
main branch of its repository on the Hub. Where the size of the file or its hash is known, another file is refused.

*task* says what the model is given. `classify`: a picture; models that know no classes are listed there too, since they give
attention and features all the same. `label`: a picture, a text, or both, to be [compared](how-to/labels.md). `text`: a
[sentence](how-to/sentences.md). `read` and `caption`: a picture that the model [puts into words](how-to/readers.md).

For any other network, use [`va.record_of` or `va.capture`](how-to/models.md#an-encoder-of-your-own). `python -m tools.tables`
writes this page.
"""
LIMITED = """# Limits

These are the largest inputs that the library accepts. Anything larger is refused with an error before memory is allocated for
it. `python -m tools.tables` writes this page.
"""
CLAIMS = """# Claims on many pictures

On how many fresh pictures the claims of the lessons hold, in each page's default view: Wilson's interval of 95 %, and of the controls that know nothing the one for
which a claim holds most often. A claim holds by itself only where it holds clearly more often than that control. `python -m benchmarks.thousands` runs them,
up to 5,000 pictures each and as far as its time goes (`--minutes`), and goes on where it stopped; lessons that are not listed have not been run over more pictures
than the 50 of *Test on 50*. `python -m tools.tables` writes this page.
"""
LAYERS = {"one": "one layer", "until": "up to one layer", "through": "all layers, or up to one", "all": "all layers"}
ASKED = {
    "any": "any token",
    "class": "the class token",
    "patch": "one patch",
    "patches": "one patch or several",
    "label": "a label",
    "nobody": "none",
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
        return f"`{knob.name}`, the query patch"
    span = " / ".join(knob.choices) or f"from {knob.low:g}" + (
        f" to {'below ' * knob.below}{knob.high:g}" if knob.high < float("inf") else ""
    )
    return f"`{knob.name}` ({span}; {knob.default})"


def _takes(one: Method) -> list[str]:
    knobs = ", ".join(_knob(knob) for knob in (*one.knobs, *one.run)) or "none"
    needs = ", ".join(["weights", *sorted([*one.signals, *(["a run"] if one.reads_run else [])])])
    return [f"`{one.name}`", f"{LAYERS[one.layers]}{', one head' * one.heads}", ASKED[one.asked_by], needs, knobs]


def _claims() -> Iterable[list[str]]:
    """What was said of every claim that was run over many pictures."""
    texts = {step.claim.finding: step.claim.text for one in lessons().values() for step in one.steps if step.claim}
    for model, of_model in known().items():
        for name, one in of_model.items():
            found = loaded(one["verdict"])
            low, high = found.interval
            best = "none" if found.best is None else "{}, {:,} of {:,}".format(*found.best)
            held = f"{found.held:,} of {found.tested:,} {found.things}"
            yield [texts[name], f"`{name}`, {model}", held, f"{100 * low:.0f} % to {100 * high:.0f} %", best]


def documents() -> dict[str, str]:
    """What each file of docs/ holds, by its name."""
    shows = ([f"`{one.name}`", one.meaning, one.source or "this project"] for one in methods().values())
    statistics = ([f"`{name}`", one.unit, one.meaning] for name, one in STATISTICS.items())
    takes = ["name", "layers and heads", "query", "needs", "parameters (range; default)"]
    cards = [
        [
            f"`{one.name}`",
            one.family,
            one.task,
            f"{one.megabytes:.1f}",
            "bundled" if one.bundled else f"on request{f' ({one.pin})' if one.pin else ''}",
            one.licence,
            f"{one.knows} {one.caution}".strip(),
        ]
        for one in va.models()
    ]
    limits = [[name, f"{one.most:,} {one.unit}", one.reason] for name, one in LIMITS.items()]
    models = ["name", "family", "task", "MB", "weights", "licence", "knows"]
    return {
        "methods.md": f"{METHODS}\n{table(['name', 'what it shows', 'source'], shows)}\n"
        f"{TAKES}\n{table(takes, map(_takes, methods().values()))}\n"
        f"{NUMBERS}\n{table(['name', 'unit', 'what it says'], statistics)}",
        "models.md": f"{MODELS}\n{table(models, cards)}",
        "claims.md": f"{CLAIMS}\n{table(['claim', 'finding, model', 'holds on', 'interval', 'best control'], _claims())}",
        "limits.md": f"{LIMITED}\n{table(['what', 'at most', 'because'], limits)}",
    }


if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    for name, text in documents().items():
        (DOCS / name).write_text(text, encoding="utf-8")
