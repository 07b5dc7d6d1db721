"""What a model said of one input: classes with their scores, or words with their chances. numpy only."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate import GateError, shown
from vit_attention.gate.refusal import one_line
from vit_attention.records.maps import check_numbers
from vit_attention.records.similar import Similar
from vit_attention.records.tokens import bare


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model said.

    Attributes:
        labels: names of all classes, or () for models without classes.
        scores: (classes,) raw scores (logits), float32, in the order of `labels`.
        text: generated text or caption, or "".
        tokens: what was generated, one entry a token, the end token included if the model gave one.
        chances: (tokens,) probability of each generated token at its step, float32; empty if not measured.
        target: what was asked about, which gradients and runs belong to: the number of a class, of a generated token where
            there are no classes, a similarity, or None.
    """

    labels: tuple[str, ...] = ()
    scores: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    text: str = ""
    target: int | Similar | None = None
    tokens: tuple[str, ...] = ()
    chances: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        where, target = "prediction", self.target
        for part, texts in (("labels", self.labels), ("tokens", self.tokens), ("text", (self.text,))):
            if not all(isinstance(text, str) for text in texts):
                raise GateError(where, "text", "another kind", field=part)
        if self.chances.size and self.chances.shape != (len(self.tokens),):
            raise GateError(
                where, f"one chance per token, {len(self.tokens)}", f"{self.chances.shape}", field="chances"
            )
        if self.scores.shape != (len(self.labels),):
            raise GateError(where, f"one score per label, {len(self.labels)}", f"{self.scores.shape}", field="scores")
        check_numbers(self.scores, where, "scores")
        check_numbers(self.chances, where, "chances", 0, 1)
        whole = isinstance(target, (int, np.integer)) and not isinstance(target, bool)
        if not (target is None or isinstance(target, Similar) or (whole and 0 <= target < len(self._askable))):
            kind = "tokens" if self.tokens and not self.labels else "labels"
            want = f"the number of one of {len(self._askable)} {kind}, a similarity, or None"
            raise GateError(where, want, shown(target), field="target")

    @property
    def _askable(self) -> tuple[str, ...]:
        """What a number as the target counts."""
        return self.labels or self.tokens

    @property
    def asked(self) -> str:
        """What was asked about, as `attend(target=...)` takes it: a class's name, a token's number, a similarity's text, or ""."""
        plain = self.plain_target
        if isinstance(plain, int):
            return self.labels[plain] if self.labels else str(plain)
        return plain or ""

    @property
    def plain_target(self) -> int | str | None:
        """The target as JSON can hold it: the number of a class or token, the text of a similarity, or None."""
        if isinstance(self.target, Similar):
            return str(self.target)
        return None if self.target is None else int(self.target)

    @property
    def asked_words(self) -> str:
        """The same in words: "the class star", "the similarity of the class token to patch (6, 8)", 'token 5 "total"', or ""."""
        if isinstance(self.target, Similar):
            return self.target.words
        if self.target is not None and not self.labels:
            return f'token {self.target} "{one_line(bare(self.tokens[self.target]))}"'
        return f"the class {self.asked}" if self.asked else ""

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(classes,) softmax of the scores."""
        shifted = np.exp(self.scores.astype(np.float64) - (self.scores.max() if len(self.scores) else 0))
        return np.asarray(shifted / max(shifted.sum(), 1e-300))

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The `count` likeliest (label, probability), best first."""
        chances = self.probabilities
        return [(self.labels[i], float(chances[i])) for i in np.argsort(-chances, kind="stable")[:count]]
