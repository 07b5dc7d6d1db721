"""`--film`: the layers of a method as a film beside the drawings."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

from vit_attention.cli import files
from vit_attention.cli.drawings import View, choices, each_label
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.paint import Paint
from vit_attention.records import AttentionRecord

KINDS = ("gif", "webp", "zip")


def check(view: View, paint: Paint, together: bool, window: bool) -> None:
    """Refuse, before any model is loaded, what makes no film; without --film there is nothing to refuse."""
    if not paint.film:
        return
    if view.chosen.layers == "all":
        raise ChoiceError(f"--film: want a method that can stop at a layer, and {view.method} has no layers")
    for option, given in (
        ("--together", together),
        ("--stage and --block", window),
        ("--query each", list(view.query) == ["each"] and view.chosen.asked_by != "label"),
        ("--scale-to", paint.scale_to is not None),
    ):
        if given:
            raise ChoiceError(f"--film: leave {option} out, which it does not know")


def still(view: View, paint: Paint) -> View:
    """What is drawn beside a film: of a method through the layers the last one shown, where several were chosen."""
    several = paint.film and view.chosen.layers != "one" and view.layer is not None
    return replace(view, layer=view.layer[-1:]) if several and view.layer else view


def write(record: AttentionRecord, view: View, paint: Paint, folder: Path, **gathered: Any) -> list[Path]:
    """Write film_{method}.{kind} from the first chosen layer to the last, one for each chosen head; returns their paths.

    Args:
        gathered: words and special of `visualizer.film`, for a text.

    Raises:
        ChoiceError: what the method refuses.
        ValueError: a record that no film can be made of.
    """
    from visualizer.export.film import film
    from visualizer.style.scale import Scale

    if not paint.film:
        return []
    layers, heads = view.layer or (None,), view.head or (None,)
    scale = "shared" if paint.scale == "raw" else Scale(paint.scale, clip_percentile=paint.clip)
    look: dict[str, Any] = {"duration": paint.frame_time, "scale": scale, "colormap": paint.colormap}
    look |= {"alpha": paint.alpha, "fade": paint.fade, "width": paint.width, "start": layers[0], "end": layers[-1]}
    look |= gathered
    asked = {"kind": view.kind, "sinks": "hide" if view.without_sinks else "show"}
    out = []
    for head, (query, label) in itertools.product(heads, each_label(record, view) or [(view.query, "")]):
        end = f"_{label}" * bool(label) + f"_head_{head}" * (len(heads) > 1)
        path = folder / f"film_{files.safe(view.method.replace('-', '_'))}{end}.{paint.film}"
        one = {**view.given, **asked, "query": query or None, **({} if head is None else {"head": head})}
        with choices(view):
            out.append(film(record, path, view.chosen, **look, **one))
    return out
