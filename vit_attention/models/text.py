"""A loaded text encoder: which words of a sentence look at which, and what it says of the sentence."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vit_attention.changes import Change
from vit_attention.gate import GateError, shown
from vit_attention.inputs import sentences
from vit_attention.inputs.sentences import Sentence
from vit_attention.models import covered, slopes
from vit_attention.models.cards import Card
from vit_attention.models.encoder import EncoderModel
from vit_attention.models.model import Asked
from vit_attention.models.passes import Pass
from vit_attention.models.targets import Aim
from vit_attention.records import Axis, Run, Similar
from vit_attention.signals import aimed
from vit_attention.signals.given import Reading


@dataclass(frozen=True)
class TextAnatomy:
    """Where a family of text encoders keeps what pages show.

    Attributes:
        blocks: the transformer blocks in order; a block that is used several times stands there as often.
        heads: how many heads a block has.
        width: of a token.
        norm: the final norm, from the tokens that leave the last block.
        forward: (batch, tokens) numbers and whether they count to raw class scores (batch, classes), or None.
        tail: (batch, tokens, width) tokens that leave the last block to the same scores; None without classes.
        longest: tokens that it has positions for.
        vocabulary: tokens that it has numbers for.
        pad: number of the token that fills up a batch.
        padded: whether every text is filled up to `longest` with padding that counts, as SigLIP was trained.
        reads: what is read off which token, in a sentence; "" for nothing.
        embedding: from numbers of tokens to their word embeddings; None for networks that nothing is asked of.
    """

    blocks: Sequence[nn.Module]
    heads: int
    width: int
    norm: Callable[[Tensor], Tensor]
    forward: Callable[[Tensor, Tensor], Tensor | None]
    longest: int
    vocabulary: int
    pad: int = 0
    padded: bool = False
    reads: str = ""
    tail: Callable[[Tensor], Tensor] | None = None
    embedding: nn.Module | None = None


class TextModel(EncoderModel):
    """An encoder of texts, such as BERT (Devlin et al. 2019, arXiv:1810.04805), with or without classes.

    `attend` takes a text, or the tokens of one as a tokenizer gives them (``input_ids`` and ``attention_mask``). Padding
    is never in a record: nothing looks at it, and what it looks at is left out. The axes name every token and say which
    word of the text it is a part of.

    >>> import vit_attention as va
    >>> record = va.load("review-encoder").attend("The soup was not good.")
    >>> record.text, record.maps[0].query.special
    ('The soup was not good.', ('[CLS]',))
    """

    inputs = "texts"
    anatomy: TextAnatomy

    def __init__(
        self,
        card: Card,
        module: nn.Module,
        anatomy: TextAnatomy,
        classes: tuple[str, ...],
        weights_hash: str,
        tokenizer: Any,
    ) -> None:
        super().__init__(card, module, weights_hash, classes)
        self.anatomy, self.tokenizer = anatomy, tokenizer

    @property
    def _prefix(self) -> int:
        return self.tokens_of("a").axis.prefix

    def under(self, change: Change) -> Self:
        """The same model with something changed inside it while it runs; see `EncoderModel.under`."""
        if change.special:
            raise GateError("change", "one that adds no token to a text", change.text)
        return super().under(change)

    def _size(self) -> str:
        return f"{len(self.anatomy.blocks)} layers, {len(self.classes)} classes, texts of {self.anatomy.longest} tokens"

    @property
    def signals(self) -> frozenset[str]:  # type: ignore[override]
        """Everything that a pass leaves, and the runs on texts; without classes nothing that is about one."""
        found = super().signals
        return found if self.classes else found - {"gradients", "target", *aimed()}

    def prepare(self, given: Any) -> Sentence:
        """The tokens of a text.

        Raises:
            GateError: no text, or tokens that are none of this model's.
        """
        longest = self.anatomy.longest
        if isinstance(given, Sentence):
            return given
        if isinstance(given, Mapping) or hasattr(given, "input_ids"):
            return sentences.of_tokens(given, self.tokenizer, longest, self.anatomy.vocabulary)
        if isinstance(given, str) and not given.strip():
            raise GateError("text", "words", "an empty text")
        found = self.tokens_of(given)
        if not found.ids.numel():
            raise GateError("text", "words that the tokenizer knows", shown(given))
        return found

    def estimate(self, tokens: int | None = None, **attend: Any) -> int:
        """Bytes that a record would take, without running anything.

        Args:
            tokens: of the text, special tokens included; None takes as many as the network has positions for.
            attend: other arguments of `attend`.

        Raises:
            GateError: arguments that `attend` refuses, or another number of tokens.
        """
        longest = self.anatomy.longest
        if tokens is not None and (
            isinstance(tokens, bool) or not isinstance(tokens, int) or not 1 <= tokens <= longest
        ):
            raise GateError("tokens", f"a number from 1 to {longest}", shown(tokens))
        return self._estimate(tokens or longest, self.asked(**attend)[0])

    def tokens_of(self, text: Any) -> Sentence:
        """The tokens of a text, which may be empty."""
        return sentences.of_text(text, self.tokenizer, self.anatomy.longest, self.anatomy.padded)

    def axis_of(self, ready: Sentence) -> Axis:
        return ready.axis

    def alike(self, one: Sentence, other: Sentence) -> bool:
        return True  # shorter ones are padded

    def _several(self, given: Any) -> bool:
        one = isinstance(given, (str, bytes, Mapping, Sentence)) or hasattr(given, "input_ids")
        return isinstance(given, Iterable) and not one

    def _target(self, given: Any, options: dict[str, Any]) -> int | Aim | None:
        if Similar.named(given, self.classes) is not None:
            raise GateError("target", "a class, as similarities are between patches of a picture", shown(given))
        return super()._target(given, options)

    def _check_signals(self, names: frozenset[str], needed: tuple[Run, ...], target: Any) -> None:
        wanted = {*names, *(run.name for run in needed)}
        if not self.classes and {"gradients", "target", *aimed()} & wanted:
            beside = self.card.task == "label"  # of a dual encoder
            want = "pictures beside the text as its classes, pictures=[...]" if beside else "a model with classes"
            raise GateError("target", want, "none" if beside else f"{self.card.name}, which has none")
        super()._check_signals(names, needed, target)

    def _together(self, inputs: Sequence[Sentence]) -> tuple[Tensor, Tensor]:
        return sentences.together(inputs, self.anatomy.pad)

    def _inner(self, inputs: Sequence[Sentence]) -> Tensor:
        found = self._together(inputs)[1].clone()
        for row, one in zip(found, inputs, strict=True):
            row[row.clone()] = torch.tensor([word >= 0 for word in one.axis.words])
        return found

    def _counts(self, inputs: Sequence[Sentence]) -> Tensor:
        return self._together(inputs)[1].bool()

    def _forward(self, batch: tuple[Tensor, Tensor]) -> Tensor | None:
        ids, mask = (part.to(self.device) for part in batch)
        scores: Tensor | None = self._run((ids, mask), lambda both: self.anatomy.forward(*both), "text", lambda: None)
        return scores

    def _pass(self, inputs: Sequence[Sentence], asked: Asked) -> Pass:
        self._check_rows(inputs, asked)
        if not _uneven(inputs):
            return super()._pass(inputs, asked)
        every = replace(asked, request=replace(asked.request, queries=None))
        return replace(super()._pass(inputs, every), all_rows=True)

    def _check_rows(self, inputs: Sequence[Sentence], asked: Asked) -> None:
        """Refuse rows that a text of the batch does not have."""
        least = min(len(one.axis) for one in inputs)
        wrong = [n for n in asked.request.queries or () if n >= least]
        if wrong:
            raise GateError("queries", f"numbers from 0 to {least - 1}, the tokens of the text", f"{wrong[0]}")

    def _attended(self, ready: Sentence, passed: Pass, asked: Asked, **options: Any) -> Any:
        return super()._attended(ready, passed.without_padding(ready.mask[0], asked.request), asked, **options)

    def _again(self, ready: Sentence, passed: Pass) -> Reading:
        target = passed.targets[0]
        assert target is None or isinstance(target, int), "texts have no similarity"
        mask_id = self.tokenizer.mask_token_id
        return Reading(
            ready.ids,
            ready.mask,
            ready.axis.words,
            target,
            lambda *both: self._scores(both),
            mask_id,
            slopes.of_text(self, ready, target),
            self._behind(ready, passed),
        )

    def _covered(self, ready: Sentence, covers: Any, fill: str | None, asked: Asked, seed: int) -> NDArray[np.float64]:
        assert not isinstance(asked.target, Aim), "texts have no similarity"
        return covered.of_text(self, ready, covers, fill, asked.target)

    def _about(self, ready: Sentence, asked: Asked) -> dict[str, Any]:
        reads = [self.anatomy.reads] if self.anatomy.reads else []
        libraries = ("torch", "transformers", "numpy")
        return {"text": ready.text, "notes": [*ready.notes, *reads], "libraries": libraries}


def _uneven(inputs: Sequence[Sentence]) -> bool:
    """Whether some token of a batch is padding."""
    longest = max(one.ids.shape[1] for one in inputs)
    return any(one.ids.shape[1] < longest or not bool(one.mask.all()) for one in inputs)
