from __future__ import annotations

import numpy as np
import pytest

from visualizer import by_words, gather_words
from visualizer.measures.spelling import as_written, spoken
from visualizer.measures.words import words_of, written
from vit_attention.gate import GateError
from vit_attention.records import AttentionMap, AttentionRecord, Axis

# "[CLS] un ##happi ##ness is not ☕ [SEP]"
LABELS, WORDS = ("un", "##happi", "##ness", "is", "not", "[UNK]", "[SEP]"), (-1, 0, 0, 0, 1, 2, 3, -1)
TEXT = "Unhappiness is NOT ☕"
AXIS = Axis.text(LABELS, ("[CLS]",), WORDS)


def weights(rng: np.random.Generator, heads: int = 3, tokens: int = 8) -> np.ndarray:
    return rng.dirichlet(np.ones(tokens), (heads, tokens)).astype(np.float32)


def record(rng: np.random.Generator, axis: Axis = AXIS, text: str = TEXT, layers: int = 2) -> AttentionRecord:
    maps = [
        AttentionMap(weights(rng, tokens=len(axis)), f"layer.{n}", n, "self", axis, axis, residual=1e-7)
        for n in range(layers)
    ]
    return AttentionRecord(tuple(maps), text=text, settings={"notes": ["a note"]})


def one_by_one(matrix: np.ndarray, words: tuple[int, ...], special: bool) -> np.ndarray:
    """The rule word by word, as the paper states it."""
    units: list[list[int]] = []
    for token, word in enumerate(words):
        if word == -1 and special:
            units.append([token])
        elif word >= 0 and word not in words[:token]:
            units.append([n for n, other in enumerate(words) if other == word])
    out = np.zeros((*matrix.shape[:-2], len(units), len(units)))
    for q, rows in enumerate(units):
        for k, columns in enumerate(units):
            out[..., q, k] = sum(sum(matrix[..., r, c] for c in columns) for r in rows) / len(rows)
    return out


@pytest.mark.parametrize("special", [True, False])
def test_rows_are_averaged_and_columns_summed(rng: np.random.Generator, special: bool) -> None:
    given = np.stack([weights(rng), weights(rng)])
    found = gather_words(given, WORDS, keep_special=special)
    np.testing.assert_allclose(found, one_by_one(given, WORDS, special), atol=1e-6)
    sums = found.sum(axis=-1)
    if special:
        np.testing.assert_allclose(sums, 1, atol=1e-6)
    else:
        assert (sums < 0.99).any()
        whole = gather_words(given, WORDS, keep_special=False, renormalise=True)
        np.testing.assert_allclose(whole, found / sums[..., None], atol=1e-6)


def test_words_that_are_split_in_two_places_still_are_one(rng: np.random.Generator) -> None:
    given, words = weights(rng, tokens=4), (0, 1, 0, 2)
    np.testing.assert_allclose(gather_words(given, words), one_by_one(given, words, True), atol=1e-6)


@pytest.mark.parametrize(
    ("matrix", "words", "message"),
    [
        (np.ones((2, 3)), (0, 1, 2), r"matrix: want \(..., 3, 3\)"),
        (np.ones((2, 2)), (0, 1, 2), r"matrix: want \(..., 3, 3\)"),
        (np.ones((2, 2)), (0, -2), "words: want the number of each token's word, -1 for special tokens, got -2"),
        (np.ones((2, 2)), (0, 0.5), "words: want the number"),
        (np.ones((2, 2)), "ab", "words: want the number"),
        ("abc", (0,), "matrix: want numbers"),
    ],
)
def test_what_cannot_be_gathered_is_refused(matrix: object, words: object, message: str) -> None:
    with pytest.raises(GateError, match=message):
        gather_words(matrix, words)  # type: ignore[arg-type]
    with pytest.raises(GateError, match="words: want at least one word"):
        gather_words(np.ones((1, 1)), (-1,), keep_special=False)


def test_a_record_by_words_is_written_as_its_text(rng: np.random.Generator) -> None:
    given = record(rng)
    found = by_words(given)
    axis = found.maps[0].key
    assert (axis.special, axis.labels) == (("[CLS]",), ("Unhappiness", "is", "NOT", "☕", "[SEP]"))
    assert axis.words == (-1, 0, 1, 2, 3, -1)
    np.testing.assert_allclose(found.maps[1].weights, one_by_one(given.maps[1].weights, WORDS, True), atol=1e-6)
    assert found.settings["notes"][0] == "a note"
    assert "rows averaged, columns summed" in found.settings["notes"][1]
    assert found.residual is None  # no longer what the model multiplied its values with


def test_special_tokens_are_left_out_on_request_and_said_so(rng: np.random.Generator) -> None:
    given = record(rng)
    found = by_words(given, special=False)
    axis = found.maps[0].key
    assert (axis.special, axis.labels, axis.words) == ((), ("Unhappiness", "is", "NOT", "☕"), (0, 1, 2, 3))
    left = one_by_one(given.maps[0].weights, WORDS, False)
    np.testing.assert_allclose(found.maps[0].weights, left / left.sum(axis=-1, keepdims=True), atol=1e-6)
    assert "each row is divided" in found.settings["notes"][-1]


def test_a_record_that_knows_no_words_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(GateError, match="record: want maps over a text whose words are known, got none"):
        by_words(record(rng, Axis.text(("a", "b"))))
    one = AttentionMap(weights(rng)[:, :2], "a", 0, "self", AXIS, AXIS, queries=(0, 3))
    with pytest.raises(GateError, match="record: want all rows of every layer, got some"):
        by_words(AttentionRecord((one,), text=TEXT))


@pytest.mark.parametrize("text", ["naïve ÑANDÚ שָׁלוֹם 你好", "👩‍🚀 été Ａ"])
def test_byte_level_tokens_are_read_back(text: str) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    bytewise = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    words = [token for token, _ in bytewise.pre_tokenize_str(text)]
    assert "".join(map(spoken, words)) == text.replace(" ", "")
    # One token a byte: none of those of a letter with several bytes is a letter by itself.
    pieces = [sign for word in words for sign in word]
    numbers = [n for n, word in enumerate(words) for _ in word]
    axis = Axis.text(pieces, (), numbers)
    assert "".join(one.text for one in words_of(axis)) == text.replace(" ", "")
    shown = [one for one in written(axis) if one.startswith("bytes ")]
    assert bytes.fromhex("".join(one.removeprefix("bytes ") for one in shown)).decode() == "".join(
        sign for sign in text if not sign.isascii()
    )


def test_letters_of_other_tokenizers_are_left_alone() -> None:
    for token in ("café", "Übung", "é", "##ção", "naïve", "日本", "ש"):
        assert spoken(token) == token.removeprefix("##")


@pytest.mark.parametrize(
    ("words", "text", "wanted"),
    [
        (["the", "cat", "the"], "The cat, THE", ["The", "cat", "THE"]),
        (["ete"], "e\u0301te\u0301!", ["e\u0301te\u0301"]),
        (["[UNK]", "[UNK]", "x", "[UNK]"], "☕ 🫖 x!", ["☕", "🫖", "x", "!"]),
        (["a", "[UNK]", "[UNK]"], "a 🫖", ["a", "[UNK]", "[UNK]"]),  # which is which is not known
        (["[UNK]", "b"], "👩\u200d🚀 b", ["👩\u200d🚀", "b"]),
        (["[UNK]"], "🫖", ["🫖"]),
        (["[UNK]"], "a b", ["[UNK]"]),
        (["strasse"], "Straße", ["Straße"]),
        ([], "a", []),
    ],
)
def test_words_are_found_in_their_text(words: list[str], text: str, wanted: list[str]) -> None:
    assert as_written(words, text) == wanted
