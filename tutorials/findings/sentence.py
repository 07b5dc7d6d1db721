"""Findings of the page "A sentence attends to itself": does attention find the words that decide, and what changes a verdict."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tutorials.findings import deciding
from tutorials.findings.altered import altered, through, with_maps
from tutorials.findings.context import Context, Finding, Picture
from tutorials.findings.controls import Control, against
from visualizer.measures.words import words_of
from visualizer.method import Map
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord
from worlds.sentences import Sentence

NO_REVIEW = Finding(
    None,
    "Nobody knows which words decide this text: it has 0 marked words. Take a made-up review in the sidebar.",
)
"""What a finding that needs the truth says about a text without one."""
NO_TEXT = Finding(None, "This needs a model that reads text: a picture has 0 words.")


class Masked(NamedTuple):
    """What a model says of a text while one word of it is masked.

    Attributes:
        words: of the text, as they are written.
        probabilities: (words, classes) of each class while a word is masked, 0 to 1.
        before: (classes,) the same of the text as it is.
    """

    words: tuple[str, ...]
    probabilities: NDArray[np.float64]
    before: NDArray[np.float64]

    @property
    def said(self) -> int:
        """Number of the class that the text as it is gets."""
        return int(self.before.argmax())

    def turns(self, word: int) -> bool:
        """Whether the verdict is another while that word is masked."""
        return int(self.probabilities[word].argmax()) != self.said


def masked(now: Context) -> Masked:
    """What becomes of the probabilities while each word in turn is replaced by the model's mask token.

    The falls of the raw scores of all classes are the method ``masking`` (Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2,
    for words); softmax turns what is left of the scores into probabilities.

    Raises:
        GateError: a model without classes, or one that does not say which tokens are parts of one word.
    """
    said, words = now.record.prediction, words_of(now.axis, now.record.text, keep_special=False)
    if not said.labels or not words:
        raise GateError("model", "classes, and a text whose words are known", f"{len(said.labels)}, {len(words)} words")
    falls = np.stack(
        [now.answer("masking", label).over([one.tokens for one in words]) for label in said.labels], axis=1
    )
    return Masked(tuple(one.text for one in words), _softmax(said.scores - falls), _softmax(said.scores))


def _softmax(scores: NDArray[Any]) -> NDArray[np.float64]:
    powers = np.exp(scores.astype(np.float64) - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _pointing(name: str, place: Callable[[Sentence, np.random.Generator], int]) -> Control:
    """A guess that needs no model: every head reads one word alone, and every method answers with that word."""

    def change(now: Context, rng: np.random.Generator) -> Context:
        made, axis = now.picture.review, now.record.maps[-1].key
        if made is None:
            return now
        row = np.zeros(len(axis), np.float32)
        tokens = list(deciding.tokens_of(axis, made)[place(made, rng)])
        row[tokens] = 1 / len(tokens)
        maps = [replace(one, weights=np.broadcast_to(row, one.weights.shape)) for one in now.record.maps]
        guess = Map(row, axis, "share of attention", name, (), 0)
        return replace(now, record=with_maps(now.record, maps), run=lambda *given, **more: guess)

    return Control(name, change)


GUESSES = (
    _pointing("random word", lambda made, rng: int(rng.integers(len(made.words)))),
    _pointing("longest word", lambda made, rng: deciding.longest(made)),
    _pointing("last word", lambda made, rng: len(made.words) - 1),
)
"""Against claims about which word is found."""


def _found(now: Context, row: NDArray[Any], how: str) -> Finding:
    """Whether the strongest word of a (tokens,) map is one that decides."""
    made = now.picture.review
    if made is None:
        return NO_REVIEW if now.of_text else NO_TEXT
    values = deciding.by_word(np.nan_to_num(row), now.record.maps[-1].key, made)
    best, named = int(values.argmax()), ", ".join(f"“{made.words[n]}”" for n in made.decisive)
    return Finding(
        best in made.decisive,
        f"{how}: “{made.words[best]}”. The review is {made.label}, decided by {named}. A word drawn at random hits in "
        f"{len(made.decisive) / len(made.words):.0%} of the draws, one of {len(made.words)} words.",
    )


@against(*GUESSES)
def class_token_points(now: Context) -> Finding:
    """Whether the word that the class token reads most in the last layer, mean of its heads, decides the review."""
    if now.picture.review is None:
        return _found(now, np.zeros(0), "")
    row = deciding.class_rows(now.record)[-1].mean(axis=0)
    return _found(now, row, "The class token reads most in the last layer")


@against(*GUESSES)
def masking_points(now: Context) -> Finding:
    """Whether the word whose masking costs the verdict most decides the review."""
    if now.picture.review is None:
        return _found(now, np.zeros(0), "")
    found = now.answer("masking", now.record.prediction.top(1)[0][0])
    made = now.picture.review
    # Per word, and not per token: the parts of a word are masked together, so that each has the fall of the whole.
    falls = found.over(deciding.tokens_of(found.axis, made))
    best = int(np.nan_to_num(falls, nan=-np.inf).argmax())
    row = np.zeros(len(found.axis))
    row[list(deciding.tokens_of(found.axis, made)[best])] = 1
    return _found(now, row, f"Masking costs the score most ({falls[best]:.2f} of a raw score) at")


def _in_order(now: Context, rng: np.random.Generator) -> Any:
    def change(record: AttentionRecord, rng: np.random.Generator) -> AttentionRecord:
        own = [n for n, word in enumerate(record.maps[-1].key.words) if word >= 0]
        order = np.arange(len(record.maps[-1].key))
        order[own] = rng.permutation(own)  # one order for all heads and layers
        return with_maps(record, [replace(one, weights=one.weights[..., order]) for one in record.maps])

    return altered(now, "words in random order", change, rng)


SHUFFLED = Control("words in random order", _in_order)


@against(SHUFFLED)
def rollout_surer(now: Context) -> Finding:
    """Whether rollout gives the deciding words a larger share of what falls on words than the last layer gives them."""
    made = now.picture.review
    if made is None:
        return _found(now, np.zeros(0), "")
    rows = deciding.class_rows(now.record)[-1].mean(axis=0), now.answer("rollout", query=0).row
    words = [deciding.by_word(row, now.record.maps[-1].key, made) for row in rows]
    last, rolled = (float(one[list(made.decisive)].sum() / one.sum()) for one in words)
    return Finding(
        rolled > last,
        f"Of what falls on words, the deciding ones get {rolled:.0%} by rollout and {last:.0%} in the last layer "
        f"(evenly spread: {len(made.decisive) / len(made.words):.0%}).",
    )


def said_of(model: Any, picture: Picture, texts: tuple[str, ...]) -> tuple[str, ...]:
    """The class that a loaded model gives each text."""
    return tuple(model.classes[n] for n in model.classify(list(texts)).argmax(axis=1))


def _other_word(now: Context, rng: np.random.Generator) -> Context:
    made = now.picture.review
    others = [] if made is None else [n for n in made.polar if n not in made.decisive]
    chosen = replace(made, decisive=(int(rng.choice(others)),)) if made is not None and others else None
    run = through(now.run, "antonym of another word", lambda model: model)
    return replace(now, picture=replace(now.picture, review=chosen), run=run)


@against(Control("antonym of another word", _other_word))
def antonym_turns(now: Context) -> Finding:
    """Whether an antonym for the deciding word turns the model's verdict."""
    made = now.picture.review
    if made is None or not now.record.prediction.labels:
        return NO_REVIEW if now.of_text else NO_TEXT
    at = next(n for n in made.decisive if n in made.polar)
    other = made.swapped(at)
    before, after = now.run(said_of, now.model, now.picture, (made.text, other.text))
    return Finding(
        before != after,
        f"With “{other.words[at]}” for “{made.words[at]}”, 1 of {len(made.words)} words, the model says {after} instead of "
        f"{before}."
        if before != after
        else f"With “{other.words[at]}” for “{made.words[at]}”, 1 of {len(made.words)} words, the model still says {after}.",
    )


def weights_of_a_head(now: Context) -> Finding:
    """How many weights one head of one layer has for this text."""
    if not now.of_text:
        return NO_TEXT
    count = len(now.axis)
    return Finding(
        float(count**2), f"{count} tokens read and {count} are read: {count} x {count} = {count**2} weights."
    )


def kept_by_words(now: Context) -> Finding:
    """The percentage of the class token's row, in the chosen layer and head, that falls on words and not on special tokens."""
    if not now.of_text:
        return NO_TEXT
    row = now.weights()[0]
    words = [n for n, word in enumerate(now.axis.words) if word >= 0]
    kept = 100 * float(row[words].sum())
    return Finding(
        kept,
        f"In layer {now.chosen.layer + 1}, {now.head_name()}, the {len(words)} tokens of words and signs get {kept:.1f} % of the class "
        f"token's row; the {len(row) - len(words)} special tokens get the rest.",
    )


EARLY, LATE = "The first half", "The second half"


def layers_that_read(now: Context) -> Finding:
    """Whether the class token reads the deciding words most in a layer of the first half or of the second half."""
    made = now.picture.review
    if made is None:
        return NO_REVIEW if now.of_text else NO_TEXT
    rows = deciding.by_word(deciding.class_rows(now.record).mean(axis=1), now.record.maps[-1].key, made)
    shares = rows[:, list(made.decisive)].sum(axis=-1)
    listed = ", ".join(f"layer {n + 1}: {share:.0%}" for n, share in enumerate(shares))
    return Finding(
        EARLY if int(shares.argmax()) < len(shares) / 2 else LATE,
        f"What the class token gives to the words that decide, mean of heads: {listed}.",
    )
