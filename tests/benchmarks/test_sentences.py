"""The score of maps on reviews: words from tokens, intervals, and what a perfect and a useless map would get."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest

import vit_attention as va
from benchmarks import sentences as benchmark
from benchmarks.sentences import interval, measure, table
from tutorials.findings import deciding
from tutorials.findings.deciding import by_word, knowing_nothing, maps_of, needs
from vit_attention.records import AttentionRecord, Axis
from worlds.sentence_words import POSITIVE
from worlds.sentences import TEMPLATES, Sentence, sentences

MADE = Sentence(
    "My boss liked it; still, the tea was not GOOD.",
    "negative",
    ("My", "boss", "liked", "it", "still", "the", "tea", "was", "not", "GOOD"),
    (8, 9),
    next(one for one in TEMPLATES if one.name == "still/not/none"),
)


def places(made: Sentence) -> list[int]:
    """For each word and sign of the text, as BERT's tokenizer counts them, its index in `made.words`; -1 for signs."""
    signs = re.findall(r"\w+|[^\w\s]", made.text)
    words = iter(range(len(made.words)))
    return [next(words) if sign[0].isalnum() else -1 for sign in signs]


def test_a_words_value_is_the_sum_of_its_tokens() -> None:
    names = [
        "my",
        "bo",
        "##ss",
        "liked",
        "it",
        ";",
        "still",
        ",",
        "the",
        "tea",
        "was",
        "not",
        "go",
        "##od",
        ".",
        "[SEP]",
    ]
    words = [-1, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 12, -1]
    axis = Axis.text(names, ("[CLS]",), words)
    row = np.array([9, 1, 2, 3, 4, 5, 70, 6, 80, 7, 8, 9, 10, 11, 12, 90, 99.0])
    wanted = [1, 5, 4, 5, 6, 7, 8, 9, 10, 23]
    assert by_word(row, axis, MADE).tolist() == wanted
    assert by_word(np.stack([row, 2 * row]), axis, MADE)[1].tolist() == [2 * one for one in wanted]


def test_guesses_without_a_model() -> None:
    known = {"any word": 0.2, "longest word": 0, "last word": 1, "any polar word": 0.5, "last polar word": 1}
    assert knowing_nothing(MADE) == known


def test_intervals_are_wilsons() -> None:
    """8 of 10: 0.490 to 0.943 (Newcombe 1998, Statistics in Medicine 17, gives the formula)."""
    z, p, n = 1.959964, 0.8, 10
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    bounds = [(middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)]
    found = interval([1.0] * 8 + [0.0] * 2)
    assert (found["hits"], found["of"]) == (0.8, 10)
    np.testing.assert_allclose([found["low"], found["high"]], bounds, atol=1e-4)
    assert bounds == pytest.approx([0.490, 0.943], abs=1e-3)
    assert interval([0.25, 0.5]) == {"hits": 0.375, "of": 2}


def test_a_perfect_map_hits_always_and_a_map_of_signs_never(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = {made.text: made for made in sentences(12, benchmark.FIRST_SEED, "held-out")}

    def extremes(record: AttentionRecord) -> Iterator[tuple[str, np.ndarray]]:
        made, words = truth[record.text], record.maps[-1].key.words
        place = [places(made)[number] if number >= 0 else -1 for number in words]
        yield "perfect", np.array([float(one in made.decisive) for one in place])
        yield "wrong", np.array([float(one not in made.decisive) for one in place])

    monkeypatch.setattr(deciding, "maps_of", extremes)
    hits = measure(va.load("review-encoder"), 12)
    assert hits["perfect"]["all"] == [1.0] * 12
    assert hits["wrong"]["all"] == [0.0] * 12
    assert len(hits["perfect"]["negation"]) == sum("negation" in made.kinds for made in truth.values())


def test_every_map_has_a_line() -> None:
    model = va.load("review-encoder")
    names = dict(maps_of(model.attend(MADE.text, keep=needs())))
    assert {"rollout", "attention flow", "relevance", "masking", "class token, layer 4, head mean"} <= set(names)
    shares = benchmark.shares({"rollout": {kind: [1.0] * 8 + [0.0] * 2 for kind in benchmark.SUBSETS}})
    assert "| rollout | 80.0 % (49.0 to 94.3) |" in table(shares, shares)


def test_verdicts_and_what_turns_them() -> None:
    """A stub that goes by the last word alone is turned by nothing but that word."""

    class Last:
        classes = ("negative", "positive")

        def classify(self, texts: list[str]) -> np.ndarray:
            praised = [text.lower().strip(".!").split()[-1] in POSITIVE for text in texts]
            return np.array([[not one, one] for one in praised], float)

    assert benchmark.told(Last(), ["The tea was good.", "It was bad"] * 30) == ["positive", "negative"] * 30
    found = benchmark.turned(Last(), 200)
    ends = [(made, made.words[-1].lower()) for made in sentences(200, benchmark.FIRST_SEED, "held-out")]
    last = [len(made.words) - 1 in made.decisive for made, _ in ends]
    assert found["decisive"] == pytest.approx(np.mean(last), abs=1e-4)
    assert found["negator"] == 0
    others = [i == len(made.words) - 1 for made, _ in ends for i in made.polar if i not in made.decisive]
    assert found["other"] == pytest.approx(np.mean(others), abs=1e-4)
