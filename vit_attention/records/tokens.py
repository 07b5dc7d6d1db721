"""Tokens of a text by how tokenizers spell them: which are special, and which belong to one word."""

import re
from collections.abc import Sequence

from vit_attention.records.axes import Axis

SPECIAL = re.compile(r"\[(CLS|SEP|PAD)\]|</?s>|<(pad|bos|eos|cls|sep)>|<\|(start|end)oftext\|>")
"""Tokens that are no part of a text, as the tokenizers in use call them; unknown and masked words are parts."""
_SIGN = re.compile(r"\W+")
_NEW, _END = ("▁", "Ġ"), "</w>"


def tokens_of(axis: Axis) -> tuple[str, ...]:
    """All tokens of an axis of text, the special ones included."""
    return (*axis.special, *axis.labels)


def begins(token: str) -> bool:
    """Whether a token is spelled as the beginning of a word."""
    return token.startswith(_NEW)


def bare(token: str) -> str:
    """A token without the mark of its tokenizer that begins or ends a word.

    >>> bare("▁tea"), bare("tea</w>"), bare("</s>"), bare("▁")
    ('tea', 'tea', '</s>', '▁')
    """
    return token.removesuffix(_END).lstrip("".join(_NEW)) or token


def axis_of(tokens: Sequence[str]) -> Axis:
    """The axis of tokens of which only the spelling is known: that of WordPiece, BPE or SentencePiece.

    >>> axis_of(["[CLS]", "un", "##kind", ".", "[SEP]"]).words
    (-1, 0, 0, 1, -1)
    >>> axis_of(["<s>", "un", "kind", "Ġword", ".", "</s>"]).words
    (-1, 0, 0, 1, 2, -1)
    """
    leading = next((n for n, token in enumerate(tokens) if not SPECIAL.fullmatch(token)), 0)
    marked, ends = any(map(begins, tokens)), any(token.endswith(_END) for token in tokens)
    words, before = [-1], ""
    for token in tokens:
        inside = token.startswith("##") or (ends and not before.endswith(_END))
        inside |= marked and not begins(token) and not _SIGN.fullmatch(token)
        follows = inside and words[-1] >= 0
        words.append(-1 if SPECIAL.fullmatch(token) else max(words) + (not follows))
        before = token
    return Axis.text(tokens[leading:], tokens[:leading], words[1:])
