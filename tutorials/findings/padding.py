"""A sentence filled up with padding, as it stands in a batch: what looks at padding, and what padding looks at."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Finding, Picture
from tutorials.findings.controls import demonstration
from vit_attention.gate import GateError
from vit_attention.records import Axis

MORE = 4
"""Padding tokens that are added for the figure."""
NOTHING = 1e-6
"""A weight below this is rounding."""


class Padded(NamedTuple):
    """Attention over a padded sentence.

    Attributes:
        weights: one (heads, tokens, tokens) array per layer, padding included.
        axis: the tokens by name.
        padding: numbers of the tokens that are padding.
    """

    weights: tuple[NDArray[np.float32], ...]
    axis: Axis
    padding: tuple[int, ...]


def padded(model: Any, picture: Picture, more: int = MORE) -> Padded:
    """The attention that a text encoder really computes where a longer text shares the batch: padding stands behind the text.

    A record never holds padding, so the network is heard directly.

    Raises:
        GateError: a model of pictures, or a text that leaves no room for so much padding.
    """
    from vit_attention import capture  # torch comes with it

    tokenizer = getattr(model, "tokenizer", None)
    if tokenizer is None or not picture.text:
        raise GateError("model", "an encoder of texts, and a text", model.card.name)
    length = int(model.prepare(picture.text).ids.shape[1]) + more
    longest = int(model.anatomy.longest)
    if length > longest:
        raise GateError("text", f"at most {longest - more} tokens", str(length - more))
    given = tokenizer(picture.text, padding="max_length", max_length=length, return_tensors="pt").to(model.device)
    with capture(model.module) as seen:
        model.module(**given)
    names = tuple(tokenizer.convert_ids_to_tokens(given["input_ids"][0].tolist()))
    unread = np.flatnonzero(~given["attention_mask"][0].bool().cpu().numpy()).tolist()
    weights = tuple(one.weights[0].float().cpu().numpy() for one in seen)
    return Padded(weights, Axis("text", labels=names), tuple(unread))


def live_padding(now: Context) -> Padded:
    """`padded` of the page's model and sentence."""
    return now.run(padded, now.model, now.picture)


@demonstration
def nothing_reads_padding(now: Context) -> Finding:
    """Whether padding gets no weight from any token, in every layer and head."""
    if not now.of_text:
        return Finding(None, "This needs a model that reads text: pictures are not padded.")
    found = live_padding(now)
    count, pads = len(found.axis), list(found.padding)
    most = max(float(layer[:, :, pads].sum(axis=-1).max()) for layer in found.weights)
    # What padding reads is thrown away, but it is there.
    own = float(np.mean([layer[:, pads].sum(axis=-1).mean() for layer in found.weights]))
    return Finding(
        bool(most < NOTHING),
        f"{len(pads)} of {count} tokens are padding. Over {len(found.weights)} layers, the largest share that any token gives "
        f"to all padding together is {most:.1%}: its scores are masked before softmax, so that each row sums to 1 over the "
        f"{count - len(pads)} other tokens. The rows of padding itself sum to {own:.0%} as well; nobody reads what comes of them.",
    )
