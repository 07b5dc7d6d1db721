"""Tokens of a text as people write them: without a tokenizer's marks, and as the text has them."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

BLANKS = {"▁": " ", "Ġ": " ", "Ċ": "\n"}
"""How tokenizers write a blank: SentencePiece, and byte-level BPE, which has a sign of its own for a new line."""
_PIECES = re.compile(r"\w+|[^\w\s]")
"""What most tokenizers part a text into before anything else: runs of letters and digits, and single signs."""


def spoken(token: str) -> str:
    """A token without the marks of WordPiece, SentencePiece and byte-level BPE, in printable characters.

    >>> [spoken(token) for token in ("##ing", "▁the", "Ġthe", "the</w>", "cafÃ©", "</s>", "##")]
    ['ing', 'the', 'the', 'the', 'café', '</s>', '##']
    """
    bare = token.removesuffix("</w>") or token
    bare = bare[2:] if bare.startswith("##") and len(bare) > 2 else bare
    plain = "".join(BLANKS.get(sign, sign) for sign in decoded(bare))
    return "".join(sign if sign.isprintable() or _joins(sign) else " " for sign in plain).strip() or token


def _joins(sign: str) -> bool:
    """Whether a sign that is not printed joins or parts its neighbours, as in an emoji of several: dropping it would draw others."""
    return sign in "\u200c\u200d"


@lru_cache(maxsize=1)
def byte_signs() -> dict[str, int]:
    """The byte of every sign that byte-level BPE writes bytes as (Radford et al. 2019): the printable ones as themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [n for n in range(0x100) if n not in printable]
    return {chr(n): n for n in printable} | {chr(0x100 + at): n for at, n in enumerate(others)}


def decoded(text: str) -> str:
    """What the signs of byte-level BPE stand for; any other text as it is, since it hardly ever is well-formed UTF-8."""
    table = byte_signs()
    if text.isascii() or any(sign not in table for sign in text):
        return text
    try:
        return bytes(table[sign] for sign in text).decode("utf-8")
    except UnicodeDecodeError:
        return text


def joined(tokens: Sequence[str]) -> str:
    """The tokens of one word as one text."""
    bare = (one.removesuffix("</w>") for one in tokens)
    return spoken("".join(one[2:] if n and one.startswith("##") else one for n, one in enumerate(bare)))


def plain(text: str) -> str:
    """A text in small letters without accents, as most tokenizers compare it.

    >>> plain("Café")
    'cafe'
    """
    signs = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in signs if not unicodedata.category(sign).startswith("M"))


def as_written(words: Sequence[str], text: str) -> list[str]:
    """The words of a tokenizer as the text has them: with its capitals and accents, and those that the tokenizer did not know.

    >>> as_written(["cafe", "[UNK]", "bar"], "Café ☕ Bar")
    ['Café', '☕', 'Bar']
    """
    signs = [(sign, at) for at, given in enumerate(text) for sign in plain(given)]
    flat, low = "".join(sign for sign, _ in signs), 0
    spans: list[tuple[int, int] | None] = []
    for word in map(plain, words):
        at = flat.find(word, low) if word else -1
        if at >= 0:
            low = at + len(word)
        spans.append((signs[at][1], _end(text, signs[low - 1][1] + 1)) if at >= 0 else None)
    return _filled([*words], spans, text)


def _end(text: str, end: int) -> int:
    """Where a word ends, with the marks on its last letter."""
    while end < len(text) and unicodedata.category(text[end]).startswith("M"):
        end += 1
    return end


def _filled(words: list[str], spans: Sequence[tuple[int, int] | None], text: str) -> list[str]:
    """The text of every span; of words that are not found, what lies between, if it parts into as many."""
    low, first = 0, 0
    for n, span in enumerate([*spans, (len(text), len(text))]):
        if span is None:
            continue
        gap = text[low : span[0]]
        for parts in (_PIECES.findall(gap), gap.split()):
            if len(parts) == n - first:
                words[first:n] = parts
        if n < len(words):
            words[n] = text[slice(*span)]
        low, first = span[1], n + 1
    return words
