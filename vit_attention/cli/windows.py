"""What one cell reads in its window, in one block of an encoder that works in windows."""

from typing import Any

import numpy as np

from visualizer.method.base import SHARE, answer
from visualizer.method.question import askers, head_numbers, head_words, one_head
from vit_attention.cli.drawings import Drawing, View, choices
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.inputs import Opened
from vit_attention.models.model import Attended
from vit_attention.records import AttentionRecord, Axis


def windows(model: Any, picture: Opened, stage: int, block: int, view: View) -> tuple[AttentionRecord, list[Drawing]]:
    """The record and the drawings of a cell's window, stitched back onto the page.

    Cells off the window and cells that the shift's mask forbids are NaN. What fell on padding is left out, and the rest is
    not divided by what is left.

    Raises:
        ChoiceError: a model without windows; no such stage, block or head; or not one cell that asks.
    """
    plan = model.stages() if hasattr(model, "stages") else ()
    if not plan:
        raise ChoiceError(f"--stage: {model.card.name} has no windows; readers of documents with a Swin encoder have")
    if not (0 <= stage < len(plan) and 0 <= block < plan[stage].blocks):
        blocks = ", ".join(f"{n}: {one.blocks}" for n, one in enumerate(plan))
        raise ChoiceError(f"--stage, --block: want a stage with so many blocks ({blocks}), got {stage} and {block}")
    rows, columns = plan[stage].grid
    with choices(view):
        who = askers(Axis.patches(rows, columns), view.query)
        if len(who.rows) != 1:
            raise ChoiceError(
                f"--stage: want one --query row,column from 0,0 to {rows - 1},{columns - 1}, got {' '.join(view.query) or 'none'}"
            )
        ready, cell = model.prepare(picture.image), who.rows[0]
        found = model.windows(ready, stage, block, [cell])
        one = found.to_map([cell])
        made = Attended(
            (one,),
            ready.geometry,
            image=picture.image,
            settings={"windows": [found.settings([cell])]},
            notes=picture.notes,
        )
        record, out = made.record(model.card.name, model.weights_hash, {}), []
        every = None if view.avg_heads else head_numbers(one)
        for head in view.head or every or (None,):
            row = np.where(found.forbidden(cell), np.nan, one_head(one, found.row(cell), head))
            words = f"stage {stage + 1}, block {block + 1}, {head_words(head)}; only its window is defined"
            map_ = answer(record, one, who, row.ravel(), words, SHARE, block, weights=one.weights[None])
            out.append(Drawing(block, one.name, f"head_{head}" if len(view.head or every or (None,)) > 1 else "", map_))
    return record, out
