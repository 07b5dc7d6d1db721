"""A text made ready for a network: its tokens, their names, and the words that they are parts of."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vit_attention.gate import LIMITS, GateError, shown
from vit_attention.gate.refusal import one_line
from vit_attention.records import Axis


@dataclass(frozen=True, eq=False)
class Sentence:
    """What goes into a text encoder.

    Attributes:
        ids: (1, tokens) numbers of the tokens.
        mask: (1, tokens) whether a token counts; those that do not are padding, which nothing may look at.
        axis: what the tokens that count stand for.
        text: the text that was given; "" where tokens were.
        notes: what was done on the way, in sentences.
    """

    ids: Tensor
    mask: Tensor
    axis: Axis
    text: str = ""
    notes: tuple[str, ...] = ()


def of_text(given: Any, tokenizer: Any, longest: int, padded: bool = False) -> Sentence:
    """A text as a network's own tokenizer cuts it, its special tokens around it; what is too long is cut off and said.

    Args:
        given: the text.
        tokenizer: of the transformers library, a fast one.
        longest: tokens that the network has positions for, special ones included.
        padded: fill up to `longest` with padding that counts, as a network that was trained so expects.

    Raises:
        GateError: no text, or one that is too long to be cut.
    """
    if not isinstance(given, str):
        several = isinstance(given, (list, tuple))
        advice = "For several call attend_many." if several else "For a file give its text: Path(FILE).read_text()."
        raise GateError("text", "a text (str)", shown(given), advice=advice)
    LIMITS["sentence letters"].check(len(given), "text")
    text = given.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is no letter
    fill = {"padding": "max_length"} if padded else {}
    found = tokenizer(text, truncation=True, max_length=longest, **fill)
    words = _words(found.word_ids(0))
    ids = found["input_ids"]
    notes = [
        *(_cut(tokenizer, text, longest) if len(ids) == longest else ()),
        *unknown(tokenizer, ids, words, text, found),
    ]
    if os.path.basename(given) == given and os.path.isfile(given):
        notes.append(
            "A file has this name, but a str is the text itself: for what is in the file give a Path or its text."
        )
    if text.strip() and max(words, default=-1) < 0:
        notes.append("The tokenizer finds no word in this text: special tokens are all that is left.")
    return _sentence(tokenizer, ids, words, text, notes)


def of_tokens(given: Mapping[str, Any], tokenizer: Any, longest: int, vocabulary: int) -> Sentence:
    """Tokens as a tokenizer gives them, with their mask; padding goes in with them and is left out of the record.

    Args:
        given: ``input_ids`` and, unless all count, ``attention_mask``, each (tokens,) or (1, tokens).
        tokenizer: of the transformers library, a fast one.
        longest: tokens that the network has positions for.
        vocabulary: tokens that it has numbers for.

    Raises:
        GateError: no tokens of one text, or a mask of another shape.
    """
    want = 'tokens of one text, as tokenizer(TEXT, return_tensors="pt") gives them'
    try:
        fields = ("input_ids", "attention_mask", "token_type_ids")
        ids, mask, types = (torch.atleast_2d(torch.as_tensor(given.get(f, []))) for f in fields)
    except (TypeError, ValueError, RuntimeError) as error:  # text, lists of different lengths, numbers without end
        raise GateError("tokens", want, one_line(str(error))) from error
    mask = mask if "attention_mask" in given else torch.ones_like(ids)
    counted = ids.dtype in (torch.int64, torch.int32) and ids.ndim == 2 and len(ids) == 1 and ids.numel()
    if not counted or mask.shape != ids.shape:
        raise GateError("tokens", want, f"{tuple(ids.shape)} {ids.dtype} and a mask of {tuple(mask.shape)}")
    if int(ids.min()) < 0 or int(ids.max()) >= vocabulary or ids.shape[1] > longest:
        got = f"{ids.shape[1]} from {int(ids.min())} to {int(ids.max())}"
        raise GateError("tokens", f"at most {longest} numbers from 0 to {vocabulary - 1}", got)
    if types.any():
        raise GateError("tokens", want, "a pair of texts, by token_type_ids")
    kept = mask[0].bool()
    if not kept.any():
        raise GateError("tokens", "a mask that keeps some", "one that keeps none")
    numbers = ids[0][kept].tolist()
    named = tokenizer.special_tokens_map  # of which the unknown token stands for a word
    specials = {tokenizer.convert_tokens_to_ids(token) for name, token in named.items() if name != "unk_token"}
    words = [-1 if number in specials else n for n, number in enumerate(numbers)]
    made = _sentence(tokenizer, numbers, words, "", ["Given were tokens, not a text: each counts as a word."])
    text = tokenizer.decode([number for number in numbers if number not in specials])
    return Sentence(ids.long(), kept[None], made.axis, text, made.notes)


def together(sentences: Sequence[Sentence], pad: int) -> tuple[Tensor, Tensor]:
    """(texts, tokens) numbers and whether they count, of several texts, padded behind to the longest."""
    most = max(one.ids.shape[1] for one in sentences)
    ids = torch.full((len(sentences), most), pad, dtype=torch.long)
    mask = torch.zeros((len(sentences), most), dtype=torch.bool)
    for row, one in enumerate(sentences):
        ids[row, : one.ids.shape[1]], mask[row, : one.ids.shape[1]] = one.ids[0], one.mask[0]
    return ids, mask


def unknown(tokenizer: Any, ids: Sequence[int], words: Sequence[int], text: str, found: Any) -> list[str]:
    """What there is to say of words that the vocabulary does not have."""
    lost, split = dict[str, None](), dict[str, None]()
    for word in dict.fromkeys(n for n in words if n >= 0):
        places = [n for n, one in enumerate(words) if one == word]
        span = found.word_to_chars(0, word)
        said = one_line(text[span.start : span.end])
        if tokenizer.unk_token_id is not None and any(ids[n] == tokenizer.unk_token_id for n in places):
            lost[said] = None
        elif len(places) > 1 and said.isalpha():
            split[f"{said} ({' '.join(tokenizer.convert_ids_to_tokens([ids[n] for n in places]))})"] = None
    return [
        *([f"Unknown to the tokenizer, and read as {tokenizer.unk_token}: {_few(lost)}."] if lost else []),
        *([f"Not in the vocabulary, and read in pieces: {_few(split)}."] if split else []),
    ]


def _few(words: Mapping[str, None]) -> str:
    some = [*words][:5]
    return ", ".join(some) + (f" and {len(words) - 5} more" if len(words) > 5 else "")


def _words(numbers: Sequence[int | None]) -> list[int]:
    return [-1 if number is None else int(number) for number in numbers]


def _cut(tokenizer: Any, text: str, longest: int) -> list[str]:
    whole = len(tokenizer(text)["input_ids"])
    return [f"The text has {whole} tokens, of which the network takes {longest}: the rest was cut off."] * (
        whole > longest
    )


def _sentence(tokenizer: Any, ids: Sequence[int], words: Sequence[int], text: str, notes: Sequence[str]) -> Sentence:
    names = tokenizer.convert_ids_to_tokens(list(ids))
    lead = next((n for n, word in enumerate(words) if word >= 0), 0)
    axis = Axis.text(names[lead:], names[:lead], words)
    numbers = torch.tensor([list(ids)])
    return Sentence(numbers, torch.ones_like(numbers, dtype=torch.bool), axis, text, tuple(notes))
