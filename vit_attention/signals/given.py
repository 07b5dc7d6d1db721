"""What runs are given: a model that can be run again, or the pass that they take part in."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vit_attention.capture import Seen
from vit_attention.gate import GateError
from vit_attention.inputs.prepared import Input
from vit_attention.signals.slope import Slope


@dataclass(frozen=True)
class Again:
    """A model that can be run again on changed inputs: what a run is given.

    Attributes:
        ready: the picture and its pixels.
        grid: (rows, columns) of patches on them.
        patch: (height, width) of one in pixels.
        target: which column of the scores is asked about, or None.
        scores: (batch, 3, height, width) pixels to (batch, classes) raw scores, or to (batch, 1) similarities where one is asked about.
        joint: the space that the picture shares with labels, where there are some.
        slope: gradients of the target's score by the prepared pixels; None without a target.
        similar: whether a similarity is asked about, and no class.
        hidden: a picture, prepared like this one, to (layers + 1, tokens, width), the tokens that enter the first block and leave every block.
    """

    ready: Input
    grid: tuple[int, int]
    patch: tuple[int, int]
    target: int | None
    scores: Callable[[Tensor], NDArray[np.float32]]
    hidden: Callable[[Any], NDArray[np.float32]]
    joint: "Joint | None" = None
    slope: Slope | None = None
    similar: bool = False
    behind: "Behind | None" = None


@dataclass(frozen=True)
class Behind:
    """What a pass left between the blocks, and what the network makes of it: what a run with ``STATES = True`` is given.

    Attributes:
        states: (tokens, width) tokens that enter the first block, then those that leave every block.
        prefix: how many special tokens lead.
        norm: the final norm.
        tail: (batch, tokens, width) tokens to (batch, classes) raw scores, as if the last block had left them; at least one
            token behind the special ones. With a similarity as the target, to (batch, 1), that of the last token. None where
            nothing is asked about and there are no classes.
        similar: whether a similarity is asked about.
    """

    states: Sequence[Tensor]
    prefix: int
    norm: Callable[[Tensor], Tensor]
    tail: Callable[[Tensor], Tensor] | None
    similar: bool = False


@dataclass(frozen=True)
class Net:
    """A network before its pass: what a ride is given.

    Attributes:
        blocks: the transformer blocks, each once, in order.
        prefix: how many special tokens lead.
        depth: how many layers they make; a block may be used again and again.
    """

    blocks: Sequence[nn.Module]
    prefix: int
    depth: int


@dataclass(frozen=True)
class After:
    """A pass that has ended, with the graph of what was differentiable in it: what a ride goes on with.

    Attributes:
        asked: the target's score, the sum over the inputs of a batch, which know nothing of each other.
        of_tokens: (batch, tokens, width) tokens to the same score, as if the last block had left them.
        seen: what every block did; with ``probes`` each has its weights in the graph.
        counts: (batch, tokens) which tokens are no padding.
        inner: (batch, tokens) which tokens are the input's own, neither special nor padding.
        similar: whether it is a similarity, which is measured when the network has run.
    """

    asked: Tensor
    of_tokens: Callable[[Tensor], Tensor]
    seen: Sequence[Seen]
    counts: Tensor
    inner: Tensor
    similar: bool = False

    def of_blocks(self, net: Net) -> list[Seen]:
        """What each layer did, in order, if all are in the graph; without a pool behind the blocks, which asks by itself.

        Raises:
            GateError: a layer that could not be captured, or whose weights nothing can be differentiated by.
        """
        found = [one for one in self.seen if one.layer < net.depth and one.probe is not None and one.mixed is not None]
        if len(found) < net.depth:
            raise GateError("keep", f"{net.depth} layers that are captured with their weights", f"{len(found)}")
        return sorted(found, key=lambda one: one.layer)


@dataclass(frozen=True)
class Ride:
    """What takes part in a pass, in which gradients are recorded from wherever a tensor asks for them.

    Attributes:
        during: a context around the pass: hooks that listen or put a leaf in, modes that change how gradients flow.
        after: the pass to (batch, ..., tokens), what the record keeps of every input.
        probes: whether the weights of every block are made differentiable.
        notes: sentences for the record, complete when `after` has run.
    """

    during: AbstractContextManager[Any]
    after: Callable[[After], Tensor]
    probes: bool = False
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Said:
    """A token that a document reader said: what a run on pages is given, where gradients are recorded.

    Attributes:
        memory: (1, cells, width) what the decoder reads.
        score: such a memory to the score of the token.
        notes: takes sentences for the record.
    """

    memory: Tensor
    score: Callable[[Tensor], Tensor]
    notes: list[str]


@dataclass(frozen=True)
class Joint:
    """A picture in the space that it shares with its labels: what a run on labels is given.

    Attributes:
        texts: (labels + 1, width) embeddings of the labels and, last, of the empty text, of length 1.
        whole: (width,) embedding of the whole picture, of length 1.
        states: (tokens, width) tokens that enter the first block, then those that leave every block.
        blocks: the transformer blocks.
        token: (tokens, width) tokens behind a block to the space, each sent the way of the class token.
    """

    texts: Tensor
    whole: Tensor
    states: Sequence[Tensor]
    blocks: Sequence[Any]
    token: Callable[[Tensor], Tensor]

    def similarity(self, layers: Iterable[Tensor]) -> NDArray[np.float32]:
        """(layers, labels + 1, 1 + tokens) cosine similarity of the whole picture, and of every token, to every label.

        Args:
            layers: (tokens, width) tokens, as they would leave each block.
        """
        found = []
        with torch.inference_mode():
            for tokens in layers:
                inside = torch.nn.functional.normalize(self.token(tokens).float(), dim=-1)
                found.append(self.texts @ torch.cat([self.whole[None], inside]).mT)
        return torch.stack(found).cpu().numpy()


@dataclass(frozen=True)
class Reading:
    """A text encoder that can be run again on changed texts: what a run on texts is given.

    Attributes:
        ids: (1, tokens) numbers of the tokens.
        mask: (1, tokens) whether they count.
        words: word of every token that counts, -1 for special tokens.
        target: which column of the scores is asked about, or None.
        scores: (batch, tokens) numbers and whether they count to (batch, classes) raw scores.
        hidden_word: number of the token that stands for a word nobody may read, or None.
        slope: gradients of the target's score by the word embeddings; None without a target.
    """

    ids: Tensor
    mask: Tensor
    words: tuple[int, ...]
    target: int | None
    scores: Callable[[Tensor, Tensor], NDArray[np.float32]]
    hidden_word: int | None
    slope: Slope | None = None
    behind: "Behind | None" = None


def label_space(again: Again) -> Joint:
    """The space of a picture and its labels; raises GateError if there are no labels."""
    if again.joint is None:
        raise GateError("labels", "texts to compare patches with", "none")
    return again.joint
