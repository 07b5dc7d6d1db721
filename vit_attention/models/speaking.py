"""A model that says something, a reading or a caption, of which one token can be asked about."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from vit_attention.capture import Seen
from vit_attention.gate import GateError, shown
from vit_attention.models.arguments import integer
from vit_attention.models.model import Asked, Model
from vit_attention.records.tokens import SPECIAL, bare, begins

_MARKUP = re.compile(r"<[^<>]+>")
_SHOWN = 12
"""Most words that a refusal offers."""


class SpeakingModel(Model):
    """A reader or captioner; its targets are tokens of what it says, which are known only once it has been said."""

    signals: ClassVar[frozenset[str]] = frozenset({"gradients", "target"})
    speaks = True

    def asked(self, *, target: Any = None, **attend: Any) -> tuple[Asked, dict[str, Any]]:
        """The arguments of `attend`, checked; the token that is asked about is an option of the family's own."""
        wanted = _checked(target)
        asked, own = super().asked(**attend)
        if wanted is not None and not asked.signals:
            asked = replace(asked, request=replace(asked.request, gradients=True), signals=frozenset({"gradients"}))
        return asked, {**own, "target": wanted}

    def _about(self, wanted: int | str | None, asked: Asked, tokens: Sequence[str], notes: list[str]) -> int | None:
        """The number of the token that is asked about, or None; the notes say which was chosen where none was given."""
        if wanted is None and not asked.about_a_class:
            return None
        number = first_word(tokens) if wanted is None else token_number(wanted, tokens)
        if wanted is None:
            notes.append(
                f'No token was given, so the first word is asked about: token {number} "{bare(tokens[number])}".'
            )
        return number

    @staticmethod
    def _by_weights(score: Tensor, seen: Sequence[Seen]) -> list[Tensor]:
        """The derivatives of a token's score by the weights of every block; what comes later has none: zeros."""
        # torch.autograd.grad and never .backward(): threads share the model, and backward writes to shared tensors.
        probes = [one.probe for one in seen if one.probe is not None]
        return list(torch.autograd.grad(score, probes, materialize_grads=True))


def _checked(target: Any) -> int | str | None:
    """A number or a text that a token may have, as far as that can be told before anything was said."""
    if target is None or (isinstance(target, str) and target):
        return int(target) if isinstance(target, str) and target.isdecimal() and len(target) < 10 else target
    try:
        number = integer(target)
    except TypeError:
        number = -1
    if number < 0:
        raise GateError("target", "a token's number, 0 first, or its text", shown(target))
    return number


def token_number(wanted: int | str, tokens: Sequence[str]) -> int:
    """The number of a token, given by its number, its text, or a word of several tokens, of which the first is meant.

    Raises:
        GateError: no such token, or several of that text.

    >>> tokens = ("<s_nm>", "▁to", "tal", "▁2", ".", "5", "</s_nm>")
    >>> [token_number(one, tokens) for one in (5, "2", "total", "<s_nm>")]
    [5, 3, 1, 0]
    """
    last = len(tokens) - 1
    if isinstance(wanted, int):
        if wanted > last:
            raise GateError("target", f"a token's number from 0 to {last}", shown(wanted))
        return wanted
    words = _words(tokens)
    found = [n for n, token in enumerate(tokens) if wanted in (token, bare(token))]
    found = found or [first for text, first in words if text == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        advice = f"Its numbers are {', '.join(map(str, found[:_SHOWN]))}."
        raise GateError("target", "the text of one token", f"{shown(wanted)}, said {len(found)} times", advice=advice)
    said = " ".join([text for text, _ in words if not _MARKUP.fullmatch(text)][:_SHOWN])
    raise GateError("target", f"a token's number from 0 to {last}, or a text that was said ({said})", shown(wanted))


def first_word(tokens: Sequence[str]) -> int:
    """The number of the first token that is no markup, or 0 where all are.

    >>> first_word(("<s_store>", "▁mark", "et", "</s>")), first_word(("<s_menu>",))
    (1, 0)
    """
    return next((n for n, token in enumerate(tokens) if not _is_sign(token)), 0)


def _is_sign(token: str) -> bool:
    return bool(SPECIAL.fullmatch(token) or _MARKUP.fullmatch(token))


def _words(tokens: Sequence[str]) -> list[tuple[str, int]]:
    """Every word and the number of its first token; markup stands for itself."""
    marked, found = any(map(begins, tokens)), list[tuple[str, int]]()
    for n, token in enumerate(tokens):
        alone = not marked or begins(token) or _is_sign(token) or n == 0 or _is_sign(tokens[n - 1])
        found[len(found) if alone else -1 :] = [(bare(token), n) if alone else (found[-1][0] + token, found[-1][1])]
    return found
