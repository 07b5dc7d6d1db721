"""The end of the lesson "One query": weight times value, their sum, the heads joined, the output projection."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Finding, Picture
from tutorials.findings.controls import Control, against
from visualizer.measures.ranks import spearmanr
from visualizer.measures.value_steps import ValueSteps, value_steps


class Parts(NamedTuple):
    """What a layer's attention reads beside its weights: (heads, tokens, head width) values, and its output projection."""

    values: NDArray[Any]
    projection: NDArray[np.float32]
    bias: NDArray[np.float32]


def value_parts(model: Any, picture: Picture, layer: int) -> Parts:
    """Values and output projection of one layer, 0 first."""
    from vit_attention.models.output_projection import output_projection  # torch comes with it

    record = model.attend(picture.given, keep={"values"}, layers=[layer])
    return Parts(record.signals["values"][0], *output_projection(model, layer))


def live_values(now: Context) -> ValueSteps:
    """Every step of the chosen query in the chosen layer, in all heads; `ValueSteps.shares` takes the chosen one."""
    parts = now.run(value_parts, now.model, now.picture, now.chosen.layer)
    return value_steps(now.heads(now.chosen.layer)[:, now.asking].mean(axis=1), *parts)


def beside(now: Context) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(tokens,) weights and (tokens,) shares of the norms of weight times value, in the chosen head or all together."""
    steps, head = live_values(now), now.chosen.head
    weights = steps.weights.mean(axis=0) if head is None else steps.weights[head]
    return weights, steps.shares(head)


def heaviest_is_longest(now: Context) -> Finding:
    """Whether the key of the largest weight is also the one of which most is taken over."""
    weights, norms = beside(now)
    heavy, long = int(weights.argmax()), int(norms.argmax())
    rank = float(spearmanr(weights, norms)[0])
    where = f"the {now.axis.name(heavy)} has the largest weight, {weights[heavy]:.1%}, and {norms[heavy]:.1%} of the lengths"
    other = "" if heavy == long else f"; the longest, {norms[long]:.1%}, is of the {now.axis.name(long)}"
    return Finding(
        heavy == long,
        f"Layer {now.chosen.layer + 1}, {now.head_name()}, asked by {now.query_name()}: {where}{other}. Rank correlation of "
        f"weights and lengths over {len(weights)} keys: {rank:+.2f}.",
    )


def _exchanged(now: Context, rng: np.random.Generator) -> Context:
    """The context in which every token hands over another token's value."""
    order = rng.permutation(len(now.axis))

    def run(work: Any, *args: Any, **given: Any) -> Any:
        found = now.run(work, *args, **given)
        return found._replace(values=found.values[:, order]) if work is value_parts else found

    return replace(now, run=run)


@against(Control("values exchanged", _exchanged))
def special_takes_less(now: Context) -> Finding:
    """Whether the special tokens get a smaller share of the lengths than of the weights: values shorter than the patches'."""
    prefix = now.axis.prefix
    if not prefix:
        return Finding(None, "This model has no special token.")
    weights, norms = (shares[:prefix].sum() for shares in beside(now))
    lengths = live_values(now).value_norms
    ratio = float(lengths[:, :prefix].mean() / lengths[:, prefix:].mean())
    return Finding(
        bool(norms < weights),
        f"Layer {now.chosen.layer + 1}, {now.head_name()}, asked by {now.query_name()}: "
        f"{'the special token gets' if prefix == 1 else f'the {prefix} special tokens get'} {weights:.1%} of the weights and {norms:.1%} of the lengths of weight "
        f"times value. Their values are {ratio:.2f} times as long as a patch's, on average over heads.",
    )
