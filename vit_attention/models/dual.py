"""A loaded dual encoder such as CLIP: pictures and texts in one space, labels on patches, and the attention of both towers."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vit_attention.gate import LIMITS, GateError, shown
from vit_attention.inputs.pictures import open_picture
from vit_attention.inputs.sentences import Sentence
from vit_attention.models.cards import Card
from vit_attention.models.devices import thaw
from vit_attention.models.model import Asked, Model, array
from vit_attention.models.passes import Pass
from vit_attention.models.text import TextAnatomy, TextModel
from vit_attention.models.vision import Anatomy, VisionModel
from vit_attention.records import Run
from vit_attention.signals import runs
from vit_attention.signals.given import Joint

_AT_ONCE = 64
"""Texts that go through the text encoder together: a thousand of CLIP's would take 600 MB a layer."""


@dataclass(frozen=True)
class Space:
    """How pictures and texts come into the space that they share.

    Attributes:
        picture: (batch, channels, height, width) pixels to (batch, width) embeddings.
        text: numbers of tokens and whether they count, (batch, tokens) each, to (batch, width) embeddings.
        whole: (batch, tokens, width) tokens behind the last block to the same (batch, width) embeddings as the pictures'.
        token: (tokens, width) tokens behind a block to (tokens, width of the space), each sent the way of the class token; where
            the network pools, as if the pool looked at that token alone.
        said: (batch, tokens, width) tokens of texts behind the last block to their (batch, width) embeddings, read off the last.
        scale: a score is this times the cosine ...
        bias: ... and this more.
        tower: the network that looks at pictures.
    """

    picture: Callable[[Tensor], Tensor]
    text: Callable[[Tensor, Tensor], Tensor]
    whole: Callable[[Tensor], Tensor]
    token: Callable[[Tensor], Tensor]
    said: Callable[[Tensor], Tensor]
    scale: float
    bias: float
    tower: nn.Module


class DualModel(VisionModel):
    """An encoder of pictures beside one of texts, trained to put a picture and its text side by side (CLIP, SigLIP).

    Radford et al. 2021, arXiv:2103.00020; Zhai et al. 2023, arXiv:2303.15343.

    `attend` of a text (a str; a picture's file is a `Path`) gives the record of the text encoder, and of anything else that of
    the picture encoder, as for `VisionModel`. With ``labels=["red ring", "blue square"]`` the labels are the classes: their
    scores are in the prediction, `target` can be one of them, and ``keep=methods()["naive"].needs`` keeps how similar
    every patch is to every label after every layer. Beside a text, ``pictures=[...]`` are the classes "picture 1", "picture 2", ...

    >>> import vit_attention as va
    >>> model = va.load("scene-clip")
    >>> model.attend("a red ring").maps[0].query.kind
    'text'
    >>> model.attend("a red ring", pictures=["scene-7", "scene-8"], target=0).prediction.asked
    'picture 1'
    """

    options = VisionModel.options | {"labels", "pictures"}

    def __init__(
        self, card: Card, module: nn.Module, anatomy: Anatomy, space: Space, text: TextModel, weights_hash: str
    ) -> None:
        super().__init__(card, module, anatomy, (), weights_hash)
        self.space, self.text = space, text
        self._texts: Tensor | None = None

    @property
    def tower(self) -> nn.Module:
        return self.space.tower

    @property
    def signals(self) -> frozenset[str]:  # type: ignore[override]
        """Everything that a pass leaves, and the runs on pictures and on their labels."""
        return super().signals | {*runs("labels")}

    def about(self, labels: Iterable[str]) -> "DualModel":
        """The same model with labels as its classes; it shares the network.

        Raises:
            GateError: no label, one that is no text, or one twice.

        >>> import vit_attention as va
        >>> model = va.load("scene-clip").about(["red ring", "blue square"])
        >>> model.classes
        ('red ring', 'blue square')
        """
        found = _checked(labels)
        view = copy.copy(self)
        # See `label_map` for what the empty one is for.
        ready = [*(self.text.prepare(one) for one in found), self.text.tokens_of("")]
        view.classes, view._texts = found, self._embedded_texts(ready)
        whole = view._texts[: len(found)]
        view.anatomy = replace(
            self.anatomy,
            forward=self._compared(self.space.picture, whole),
            tail=self._compared(self.space.whole, whole),
        )
        said = dict.fromkeys(note for one in ready for note in one.notes)
        view.notes = (*self.notes, *said)
        return view

    def about_pictures(self, pictures: Any) -> TextModel:
        """The text encoder with pictures as its classes "picture 1", "picture 2", ...; it shares the network.

        Args:
            pictures: one, as for `attend`, or several in a list or batch; a str is the name of a picture here.

        Raises:
            GateError: no picture at all, or too many.
            PictureError: a picture that cannot be read.

        >>> import vit_attention as va
        >>> model = va.load("scene-clip").about_pictures(["scene-7", "scene-8"])
        >>> model.classes
        ('picture 1', 'picture 2')
        """
        found = self._embedded_pictures(pictures)
        thaw(self.module)  # the projection behind the text encoder is no part of it
        scores, tail = (self._compared(embed, found) for embed in (self.space.text, self.space.said))
        return TextBesidePictures(self.text, replace(self.text.anatomy, forward=scores, tail=tail), len(found))

    def similarity(self, pictures: Any, texts: str | Iterable[str]) -> NDArray[np.float32]:
        """(pictures, texts) cosine similarity of pictures and texts, from -1 to 1.

        Args:
            pictures: one, as for `attend`, or several in a list or batch.
            texts: one or several.

        Raises:
            GateError: no picture or text at all.
            PictureError: a picture that cannot be read.

        >>> import vit_attention as va
        >>> from worlds.scenes import scene
        >>> va.load("scene-clip").similarity([scene(7).picture], ["red ring", "blue square"]).shape
        (1, 2)
        """
        found = self._embedded_pictures(pictures)
        words = [self.text.prepare(one) for one in _texts(texts)]
        return array(found @ self._embedded_texts(words).mT)

    def labels(
        self, picture: Any, labels: str | Iterable[str], layer: int = -1, method: str = "naive", **knobs: Any
    ) -> NDArray[np.float32]:
        """(labels, rows, columns) similarity of every patch to every label after a layer.

        Args:
            picture: as for `attend`; a str is the name of a picture here, such as ``scene-7``.
            labels: texts.
            layer: number, 0 first; -1 is the last.
            method: "naive" compares the patches as they leave the layer; "value" lets no patch look at another in it (MaskCLIP,
                arXiv:2112.01071); "value-value" lets patches look at those with similar values (CLIP Surgery,
                arXiv:2304.05653).
            knobs: parameters of the method, such as ``class_independent="remove"``.

        Raises:
            GateError: no label, no such layer.

        >>> import vit_attention as va
        >>> va.load("scene-clip").labels("scene-7", ["red ring", "blue square"]).shape
        (2, 14, 14)
        """
        from vit_attention import doors

        depth = len(self.anatomy.blocks)
        if isinstance(layer, bool) or not isinstance(layer, (int, np.integer)) or not -depth <= layer < depth:
            raise GateError("layer", f"a number from {-depth} to {depth - 1}", shown(layer))
        # Beside labels a str is no text but the name of a picture.
        given = open_picture(picture).image if isinstance(picture, str) else picture
        found: NDArray[np.float32] = doors.label_maps(self, given, _checked(labels), int(layer) % depth, method, knobs)
        return found

    def _answering(self, given: Any, options: Mapping[str, Any]) -> tuple[Model, dict[str, Any]]:
        rest = {name: one for name, one in options.items() if name not in ("labels", "pictures")}
        labels, pictures = options.get("labels"), options.get("pictures")
        if isinstance(given, str) or hasattr(given, "input_ids") or isinstance(given, Mapping):
            if labels is not None:
                advice = "A str is a text here: give a file as Path(FILE), a name as va.open_picture(NAME).image."
                raise GateError("labels", "a picture beside them", f"the text {shown(given)}", advice=advice)
            if self.changes:
                raise GateError(
                    "change", "a picture, as the encoder of pictures is changed", f"the text {shown(given)}"
                )
            return (self.text if pictures is None else self.about_pictures(pictures)), rest
        if pictures is not None:
            raise GateError("pictures", "a text (a str) beside them", "a picture")
        return (self if labels is None else self.about(labels)), rest

    def _check_signals(self, names: frozenset[str], needed: tuple[Run, ...], target: Any) -> None:
        super()._check_signals(names, needed, target)
        wanting = sorted({run.name for run in needed} & {*runs("labels")})
        if wanting and self._texts is None:
            raise GateError("labels", f"texts that {wanting[0]} compares patches with", "none")

    def _again(self, ready: Any, passed: Pass, **options: Any) -> Any:
        again = super()._again(ready, passed, **options)
        if self._texts is None or not passed.states:
            return again
        kind = self.anatomy.patch_filters.dtype  # the network takes no other precision
        states = [one[0].to(kind) for one in passed.states]
        whole = self._embedded(self.space.whole, states[-1][None])[0]
        return replace(again, joint=Joint(self._texts.to(whole), whole, states, self.anatomy.blocks, self.space.token))

    def _about(self, ready: Any, asked: Asked, **options: Any) -> dict[str, Any]:
        found = super()._about(ready, asked, **options)
        labels = None if self._texts is None else [*self.classes]
        return {**found, "settings": {**found["settings"], "labels": labels}}

    def estimate(self, size: int | tuple[int, int] | None = None, **attend: Any) -> int:
        labels = attend.pop("labels", None)
        return VisionModel.estimate(self if labels is None else self.about(labels), size, **attend)

    def _estimate(self, tokens: int, asked: Asked) -> int:
        labeled = len({run.name for run in asked.runs} & {*runs("labels")})
        states = tokens * self.anatomy.width if labeled else 0
        layers = labeled * (len(self.classes) + 1) * (tokens + 1) + states
        return super()._estimate(tokens, asked) + 4 * (len(self.anatomy.blocks) + 1) * layers

    def _compared(self, embed: Callable[..., Tensor], others: Tensor) -> Callable[..., Tensor]:
        """A function from what one encoder takes to (batch, others) scores; `others`, of the other one, are held fixed."""
        with torch.inference_mode(False):  # a clone made here takes part in gradients whatever the caller does
            fixed = others.clone()

        def scores(*given: Tensor) -> Tensor:
            found = nn.functional.normalize(embed(*given), dim=-1)
            return self.space.scale * found @ fixed.to(found).mT + self.space.bias

        return scores

    def _embedded_pictures(self, pictures: Any) -> Tensor:
        """(pictures, width) embeddings of length 1 of one picture or several."""
        several = pictures if self._several(pictures) else [pictures]
        ready = [self.prepare(one).pixels for one in several]
        if not ready:
            raise GateError("pictures", "at least one", "none")
        with self._changed():
            return torch.cat([self._embedded(self.space.picture, one.to(self.device)) for one in ready])

    def _embedded_texts(self, ready: Sequence[Sentence]) -> Tensor:
        """(texts, width) embeddings of length 1, of some texts at a time."""
        some = [ready[first : first + _AT_ONCE] for first in range(0, len(ready), _AT_ONCE)]
        return torch.cat([self._embedded(self.space.text, self.text._together(one)) for one in some])

    def _embedded(self, embed: Callable[..., Tensor], given: Any) -> Tensor:
        """(batch, width) embeddings of length 1."""
        with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
            parts = given if isinstance(given, tuple) else (given,)
            found = embed(*(part.to(self.device) for part in parts)).float()
            return nn.functional.normalize(found, dim=-1)


class TextBesidePictures(TextModel):
    """The text encoder of a dual encoder, with pictures as its classes; see `DualModel.about_pictures`."""

    def __init__(self, text: TextModel, anatomy: TextAnatomy, count: int) -> None:
        names = tuple(f"picture {n + 1}" for n in range(count))
        super().__init__(text.card, text.module, anatomy, names, text.weights_hash, text.tokenizer)
        self.notes = text.notes

    @property
    def signals(self) -> frozenset[str]:  # type: ignore[override]
        """Those of a text encoder with classes; where padding counts, leaving a token out of what counts changes nothing."""
        return super().signals - ({"masking"} if self.anatomy.padded else set())

    def prepare(self, given: Any) -> Sentence:
        """The tokens of a text, of which the last has to count: the score is read off it."""
        found = super().prepare(given)
        if not bool(found.mask.all()):
            raise GateError("text", "tokens that all count, beside pictures", "some that are masked")
        return found

    def alike(self, one: Sentence, other: Sentence) -> bool:
        return one.ids.shape == other.ids.shape  # padding behind a shorter one would stand in the last token's place

    def _about(self, ready: Sentence, asked: Asked) -> dict[str, Any]:
        return {**super()._about(ready, asked), "settings": {"pictures": [*self.classes]}}


def _texts(given: str | Iterable[str]) -> list[str]:
    found = [given] if isinstance(given, str) else [*given] if isinstance(given, Iterable) else []
    if not found or not all(isinstance(one, str) for one in found):
        raise GateError("texts", "at least one text", shown(given))
    return found


def _checked(labels: Any) -> tuple[str, ...]:
    """Labels as a tuple, if they are some texts, each once."""
    if not isinstance(labels, (str, Iterable)) or isinstance(labels, (bytes, Mapping)):
        raise GateError("labels", "texts in a list", shown(labels))
    found = tuple(_texts(labels))
    LIMITS["labels"].check(len(found), "labels")
    LIMITS["label letters"].check(max(map(len, found)), "labels")
    blank = [one for one in found if not one.strip()]
    twice = [one for n, one in enumerate(found) if one in found[:n]]
    if blank or twice:
        raise GateError("labels", "texts, each once", shown((blank or twice)[0]) + (" twice" if not blank else ""))
    return found
