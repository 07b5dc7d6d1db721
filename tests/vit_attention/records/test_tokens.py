"""Which tokens are special and which belong to one word, against the tokenizers that know it."""

from __future__ import annotations

from typing import Any

import pytest
import tokenizers
from tokenizers import models, pre_tokenizers, processors

from tests.vit_attention.folders import byte_pairs, word_piece
from vit_attention.records.tokens import axis_of, tokens_of

TEXTS = ("The soup was not good, but the waiter smiled.", "goods, slower!", "wxyz", "red ring", "the the")


def byte_level() -> Any:
    """Words of five letters and single letters, in bytes, between <s> and </s>."""
    import transformers

    letters = [*pre_tokenizers.ByteLevel.alphabet()]
    pieces = ["<s>", "<pad>", "</s>", *sorted(letters), "Ġn", "Ġg", "oo"]
    numbers = {piece: n for n, piece in enumerate(pieces)}
    bare = tokenizers.Tokenizer(models.BPE(numbers, [("Ġ", "n"), ("Ġ", "g"), ("o", "o")]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    bare.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=bare, **special)


@pytest.mark.parametrize("make", [word_piece, byte_pairs, byte_level])
@pytest.mark.parametrize("text", TEXTS)
def test_words_are_those_of_the_tokenizer(make: Any, text: str) -> None:
    found = make()(text)
    axis = axis_of(found.tokens())
    ids = [-1 if word is None else word for word in found.word_ids()]
    assert list(axis.words) == ids
    assert axis.prefix == 1
    assert tokens_of(axis) == tuple(found.tokens())


def test_special_tokens_alone_lead_nothing() -> None:
    axis = axis_of(["[CLS]", "[SEP]"])
    assert (axis.special, axis.labels, axis.words) == ((), ("[CLS]", "[SEP]"), (-1, -1))
