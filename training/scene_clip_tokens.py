"""The tokenizer of `scene-clip`: CLIP's byte-level byte-pair encoding, learned from the words of the worlds."""

from __future__ import annotations

import json
from functools import cache
from string import ascii_lowercase
from typing import Any

from vit_attention import compat  # noqa: F401  it goes before transformers

# isort: split
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from worlds.captions import WORDS

LONGEST = 32
"""Tokens of the longest text, its beginning and end among them."""

_START, _END, _LAST = "<|startoftext|>", "<|endoftext|>", "</w>"


def merges() -> list[tuple[str, str]]:
    """The pairs that byte-pair encoding (Sennrich et al. 2016) joins until every word of the worlds is one token."""
    bare = Tokenizer(models.BPE(end_of_word_suffix=_LAST))
    bare.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=sum(len(word) for word in WORDS) + 256,
        end_of_word_suffix=_LAST,
        # Last letters would be numbered by chance, and numbers decide which of two equally common pairs is joined first.
        special_tokens=[one + _LAST for one in ascii_lowercase],
        show_progress=False,
    )
    bare.train_from_iterator(WORDS, trainer)
    return [(left, right) for left, right in json.loads(bare.to_str())["model"]["merges"]]


@cache
def tokenizer() -> Any:
    """The tokenizer that training uses."""
    return build()


def build() -> Any:
    """A new tokenizer, the same every time; its numbers are given in CLIP's order.

    First the 256 bytes, then the same as the last of a word, then what was joined, then beginning and end: so any text has
    tokens, and a word that becomes more than one of them is a word the model has never seen.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(one + _LAST for one in letters), *("".join(pair) for pair in merges()), _START, _END]
    numbers = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    joined: Any = merges()  # the library's own annotation leaves the form out that it keeps
    return CLIPTokenizer(vocab=numbers, merges=joined, model_max_length=LONGEST)
