"""Methods through depth: means and products of layers. A method is one function and one row in `THROUGH_DEPTH`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_attention.cli.choices import Asking, askings
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.maps import (
    RELEVANCE,
    SHARE,
    Drawing,
    Look,
    Maps,
    drawing,
    head_numbers,
    heads_of,
    place,
    spans,
    together,
)
from vit_attention.records import AttentionMap, AttentionRecord


def _chain(maps: Maps, look: Look, through: str | None = None) -> tuple[list[AttentionMap], int, list[int]]:
    """The layers up to the last one asked for that fit it, the number of the last, and all numbers."""
    fitting = {n: one for n, one in maps.items() if through is None or one.kind == through}
    if not fitting:
        raise ChoiceError(
            f"--method {look.method}: wants self-attention over the picture, and this model has none there"
        )
    if look.layer is not None and len(look.layer) > 1:
        raise ChoiceError(f"--method {look.method}: want one --layer, where it ends, got {len(look.layer)}")
    last = max(fitting) if look.layer is None else look.layer[0]
    if last not in fitting:
        raise ChoiceError(f"--method {look.method}: want a --layer of {spans(fitting)}, got {last}")
    end = fitting[last]
    same = [n for n, one in fitting.items() if n <= last and (one.kind, len(one.query), len(one.key)) == (end.kind, len(end.query), len(end.key))]  # fmt: skip
    return [fitting[n] for n in same], last, same


def _whole(record: AttentionRecord, chain: Sequence[AttentionMap], look: Look) -> None:
    """Refuse layers of which heads or rows are missing, and records with layers missing: products of parts mean nothing."""
    if record.settings.get("unheard"):
        raise ChoiceError(f"--method {look.method}: wants every layer, and some of this network could not be captured: take --method raw")  # fmt: skip
    if any(one.queries is not None or one.heads is not None for one in chain):
        raise ChoiceError(f"--method {look.method}: wants all heads and queries, and this record kept some: extract it again without --heads and --queries")  # fmt: skip


def _no_head(look: Look) -> None:
    if look.head is not None:
        raise ChoiceError(f"--method {look.method}: goes through the heads of a layer together: leave --head out")


def _mean_of_layers(record: AttentionRecord, maps: Maps, look: Look) -> Iterator[Drawing]:
    chain, last, all_numbers = _chain(maps, look)
    start = min(look.start_layer, len(chain) - 1)
    chosen = chain[start:]
    heads: tuple[int | None, ...] = (None,)
    if look.head is not None or not look.avg_heads:
        heads = look.head or head_numbers(chain[-1])
    for asked in askings(chain[-1].query, look.query):
        stack = [together(heads_of(one, asked.rows), asked) for one in chosen]
        for head in heads:
            picked = [
                rows.mean(axis=0) if head is None else rows[place(one, head)]
                for one, rows in zip(chosen, stack, strict=True)
            ]
            row = np.stack(picked).mean(axis=0)
            who = "mean of all heads" if head is None else f"head {head + 1}"
            words = f"mean of layers {all_numbers[start] + 1} to {last + 1}, {who}"
            part = f"head_{head}" if len(heads) > 1 else ""
            yield drawing(record, chain[-1], asked, row, words, SHARE, (last, "mean_of_layers", part))


def _rollout(record: AttentionRecord, maps: Maps, look: Look) -> Iterator[Drawing]:
    from visualizer.measures.rollout import class_rollout, rollout

    chain, last, all_numbers = _chain(maps, look, "self")
    _whole(record, chain, look)
    _no_head(look)
    layers, axis = [one.weights for one in chain], chain[-1].query
    start = min(look.start_layer, len(chain) - 1)
    knobs: dict[str, Any] = {
        "residual": look.residual, "head_fusion": look.fusion, "discard_ratio": look.discard, "start_layer": start,
        "prefix": axis.prefix,
    }  # fmt: skip
    told = f"{look.fusion} of heads, residual share {look.residual:g}, discard {look.discard:.0%}"
    ends = "to the last" if look.layer is None else f"up to layer {last + 1}"
    words = f"rollout from layer {all_numbers[start] + 1} {ends}, {told}"
    whole: NDArray[Any] | None = None
    for asked in askings(axis, look.query):
        if len(asked.rows) == 1:
            row = class_rollout(layers, query=asked.rows[0], **knobs)
        else:
            whole = rollout(layers, **knobs) if whole is None else whole
            row = np.asarray(whole[list(asked.rows)].mean(axis=0))
        yield drawing(record, chain[-1], asked, row, words, SHARE, (last, "rollout", ""))


def _gradient_rollout(record: AttentionRecord, maps: Maps, look: Look) -> Iterator[Drawing]:
    from visualizer.measures.rollout import gradient_rollout

    if look.layer is not None:
        raise ChoiceError(
            "--method gradient-rollout: runs through all layers: leave --layer out, or give --start-layer"
        )
    if any(who != "class" for who in look.query):
        raise ChoiceError("--method gradient-rollout: tells what the class token used for one class: leave --query out")
    chain, last, all_numbers = _chain(maps, look, "self")
    _whole(record, chain, look)
    _no_head(look)
    said, axis = record.prediction, chain[-1].query
    slopes = [one.gradient for one in chain if one.gradient is not None]
    if len(slopes) != len(chain) or said.target is None:
        raise ChoiceError(
            "--method gradient-rollout: this record has no gradients: extract it again with --target CLASS"
        )
    if not axis.prefix:
        raise ChoiceError(f"--method gradient-rollout: needs a class token, and {record.model} has none")
    start = min(look.start_layer, len(chain) - 1)
    row = gradient_rollout([one.weights for one in chain], slopes, start_layer=start)
    words = f"gradient-weighted rollout from layer {all_numbers[start] + 1} for the class {said.labels[said.target]}"
    asked = Asking((0,), "the class token")
    yield drawing(record, chain[-1], asked, row, words, RELEVANCE, (last, "gradient_rollout", ""))


THROUGH_DEPTH: dict[str, Callable[[AttentionRecord, Maps, Look], Iterator[Drawing]]] = {
    "mean-of-layers": _mean_of_layers,
    "rollout": _rollout,
    "gradient-rollout": _gradient_rollout,
}
