"""The texts that `scene-clip` learns from, and which of them are true of which picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.scene_captions import Store, batch, caption_of
from worlds.captions import article, decode
from worlds.phrases import phrases
from worlds.shapes import COLOURS, NAMES


@dataclass(frozen=True)
class Texts:
    """Texts that compete with one another, and of which pictures they are true.

    Attributes:
        texts: as many as columns of `true`.
        true: (pictures, texts) bool.
    """

    texts: tuple[str, ...]
    true: NDArray[np.bool_]


def objects(words: Sequence[str]) -> list[tuple[str, str]]:
    """Colour and shape of the objects that a caption names.

    >>> objects("a red ring above a pink tee".split())
    [('red', 'ring'), ('pink', 'tee')]
    """
    return [(words[i - 1], word) for i, word in enumerate(words) if word in NAMES]


def competitors(captions: Sequence[str]) -> dict[str, Texts]:
    """All phrases, all shapes, all colours and the captions themselves, each with the pictures it is true of.

    Args:
        captions: of the pictures, one each.

    >>> found = competitors(["a red ring above a pink tee", "a red tee"])
    >>> [found["phrases"].true[:, phrases().index(one)].tolist() for one in ("red ring", "red tee")]
    [[True, False], [False, True]]
    >>> found["colours"].true.sum(axis=1).tolist(), found["captions"].true.tolist()
    ([2, 1], [[True, False], [False, True]])
    """
    named = [objects(caption.split()) for caption in captions]
    groups: dict[str, tuple[tuple[str, ...], list[set[str]]]] = {
        "phrases": (phrases(), [{" ".join(pair) for pair in pairs} for pairs in named]),
        "shapes": (NAMES, [{shape for _, shape in pairs} for pairs in named]),
        "colours": (tuple(COLOURS), [{colour for colour, _ in pairs} for pairs in named]),
        "captions": (tuple(dict.fromkeys(captions)), [{caption} for caption in captions]),
    }
    return {
        name: Texts(texts, np.array([[text in truths for text in texts] for truths in right]))
        for name, (texts, right) in groups.items()
    }


def said(rng: np.random.Generator, text: str) -> str:
    """A text as people may type it: half of the time with its article, if it has none."""
    return f"{article(text)} {text}" if rng.integers(2) and text.split()[0] not in ("a", "an") else text


def draw(rng: np.random.Generator, data: Store, size: int) -> tuple[NDArray[np.uint8], dict[str, Texts]]:
    """(size, 112, 112, 3) random scenes, moved and mirrored as for the captioner, and their texts."""
    made = batch(rng, data, size)
    found = competitors([" ".join(decode(tokens.tolist())) for tokens in made.tokens])
    return made.pixels, {
        name: Texts(tuple(said(rng, text) for text in group.texts), group.true) for name, group in found.items()
    }


def held_out(data: Store, count: int) -> tuple[NDArray[np.uint8], list[list[tuple[str, str]]]]:
    """The first `count` scenes and the (colour, shape) of their objects."""
    return np.array(data.pixels[:count]), [objects(caption_of(line).words) for line in data.truth[:count]]
