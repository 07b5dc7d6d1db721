"""Masking: the fall of a class's score when a word of the text cannot be read."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.gate import GateError, shown
from vit_attention.signals.given import Reading
from vit_attention.signals.parts import batches
from vit_attention.signals.slope import no_target

OF = ("texts",)
AIMED = True
UNITS = ("word", "token")
HIDES = ("mask", "leave out")


def run(again: Reading, *, unit: str, hide: str) -> NDArray[np.float32]:
    """(tokens,) fall of the target's raw score when the word that a token is a part of is hidden; 0 for special tokens.

    Occlusion sensitivity (Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2) with words in place of squares; leaving words
    out of what can be looked at is the representation erasure of Li et al. 2016, arXiv:1612.08220.

    Args:
        unit: "word" hides all tokens of a word together, "token" one at a time.
        hide: "mask" puts the model's own mask token there; "leave out" lets no token look at it.

    Raises:
        GateError: no target; a model without mask token; another unit or way to hide.
    """
    if unit not in UNITS or hide not in HIDES:
        raise GateError(
            "masking", f"a unit of {', '.join(UNITS)} and to hide by {', '.join(HIDES)}", shown(f"{unit}, {hide}")
        )
    if again.target is None:
        raise no_target("masking")
    if hide == "mask" and again.hidden_word is None:
        raise GateError("masking", "to hide by leave out, as this model has no mask token", "mask")
    places = again.mask[0].nonzero()[:, 0]  # of the tokens that count
    groups: dict[int, list[int]] = {}
    for number, word in enumerate(again.words):
        if word >= 0:
            groups.setdefault(word if unit == "word" else number, []).append(number)
    before = float(again.scores(again.ids, again.mask)[0, again.target])
    found = np.zeros(len(again.words), np.float32)
    for some in batches(groups.values()):
        changed = [hidden(again.ids, again.mask, places[one], hide, again.hidden_word) for one in some]
        after = again.scores(torch.cat([ids for ids, _ in changed]), torch.cat([mask for _, mask in changed]))
        for tokens, scores in zip(some, after, strict=True):
            found[tokens] = before - float(scores[again.target])
    return found


def hidden(ids: Tensor, mask: Tensor, places: Tensor, hide: str, word: int | None) -> tuple[Tensor, Tensor]:
    """(1, tokens) numbers and whether they count, of a text some of whose tokens nobody can read.

    Args:
        ids, mask: (1, tokens) of the text.
        places: numbers of the tokens.
        hide: "mask" or "leave out".
        word: number of the token that stands for a word nobody may read, which "mask" needs.
    """
    ids, mask = ids.clone(), mask.clone()
    if hide == "mask":
        ids[0, places] = word or 0
    else:
        mask[0, places] = False
    return ids, mask
