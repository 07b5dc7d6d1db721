"""A loaded captioning model of the AoANet family: where it looked for every word, and how much its gates let through."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from vit_attention.capture import Heard, Request, capture
from vit_attention.gate import GateError, shown
from vit_attention.inputs.features_file import read_features
from vit_attention.inputs.pictures import open_picture
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.region_features import Features, region_features, treated
from vit_attention.models.arguments import count
from vit_attention.models.captioning import Caption, captions
from vit_attention.models.cards import Card
from vit_attention.models.model import Asked, Attended, as_map
from vit_attention.models.speaking import SpeakingModel
from vit_attention.networks.aoanet import AoANet
from vit_attention.records import AttentionMap, Axis, Prediction

END = "<end>"
"""The label of the step that ended the caption."""


@dataclass(frozen=True)
class Eyes:
    """The convolutional network that turns a plain picture into a grid of regions.

    Attributes:
        prepare: upright RGB picture to the network's input.
        look: pixels to (rows, columns, width) features and (width,) features of the whole picture or None.
        note: what a reader has to know about it, one sentence, or "".
    """

    prepare: Callable[[Image.Image], Input]
    look: Callable[[Tensor], tuple[Tensor, Tensor | None]]
    note: str = ""


class CaptionModel(SpeakingModel):
    """A captioning network: for every word, which regions were looked at to produce it.

    It attends over a *set* of regions. The rows and columns of its maps have no special tokens and no positions; the
    place of a region is known to the model only from its features. Maps come in forward order: one of kind "self" per
    refiner layer (regions by regions), then the decoder's, of kind "cross" (words by regions), whose number is
    `refiner_layers`. Row t of the decoder's map belongs to word t; the last row of a complete caption produced
    the end token. The caption is searched first, then read to the network once more and captured, which gives the same
    weights (the tests compare) and proves them.

    ``record.settings["gates"]`` holds the values of the gates (mean over channels, 0 to 1):
    ``"decoder"`` has one number per word, ``"refiner"`` one list per layer with one number per region; None where the
    network has no such gate.

    `target` of attend is a word of the caption, by number or text. Gradients are of the logit that gave it, by the weights
    of refiner and decoder; what earlier words looked at reaches it through the LSTM.

    Options of attend:
        picture: the picture that features were taken from.
        beams: 1 decodes greedily; a larger number runs beam search and keeps the best caption.

    Attributes:
        network: the captioner in the module.
        vocab: word of every token, keys "1", "2", ...
    """

    options = frozenset({"picture", "beams"})

    def __init__(
        self, card: Card, module: nn.Module, network: AoANet, vocab: Mapping[str, str], eyes: Eyes, weights_hash: str
    ) -> None:
        super().__init__(card, module, weights_hash)
        self.network, self.vocab, self.eyes = network, vocab, eyes

    def _size(self) -> str:
        return f"{self.refiner_layers} refiner layers, {len(self.vocab)} words"

    @property
    def refiner_layers(self) -> int:
        """Number of layers in which regions attend to regions; the decoder is one more layer of maps."""
        return 0 if self.network.refiner is None else len(self.network.refiner.layers)

    def prepare(self, given: Any, picture: Any = None) -> Features:
        """Region features prepared for the network, from a picture, a file or an array.

        Args:
            given: a picture (PIL image, path, bytes, (height, width, 3) uint8 array), a path to an .npz or .npy file of
                features, a float array of them, or `Features`.
            picture: the picture that features were taken from.

        Raises:
            ValueError: features of a size that the network does not take.
            PictureError: the picture cannot be read.
            DownloadError: the network that extracts features from pictures could not be downloaded.
        """
        if isinstance(given, Features):
            found = given
        elif isinstance(given, (str, os.PathLike)) and Path(given).suffix.lower() in (".npz", ".npy"):
            found = read_features(Path(given), picture)
        elif isinstance(given, np.ndarray) and given.dtype.kind == "f" and not self._is_picture(given):
            found = region_features(given, picture=picture)
        elif picture is not None:
            raise GateError("picture", "features, when picture= goes with them", "two pictures")
        else:
            found = self._look(given)
        found = treated(found, self.network.options)
        self._check(found)
        return found

    features = prepare  # what captioning code calls it

    def _attend(
        self,
        given: Any,
        asked: Asked,
        *,
        target: int | str | None = None,
        picture: Any = None,
        beams: int = 1,
    ) -> Attended:
        seen, request = self.prepare(given, picture), asked.request
        layers = request.layers
        if request.queries is not None:
            raise GateError("queries", f"None, since {self.card.name} keeps every word", shown([*request.queries]))
        if layers is not None and (not len(layers) or not all(0 <= n <= self.refiner_layers for n in layers)):
            raise GateError(
                "layers", f"numbers from 0 to {self.refiner_layers}, the last one the decoder's", f"{layers}"
            )
        for one in (request, asked.during.request):
            size = self.estimate(len(seen.values), layers, one.heads, one.half)
            asked.check_budget(size * (1 + one.gradients))
        values = torch.tensor(seen.values)[None]  # a copy: what came from a file may not be written to
        whole = None if seen.fc is None or self.network.options.mean_feats else torch.from_numpy(seen.fc)[None]
        said = self._say(seen, values, whole, count("beams", beams, 1) or 1)
        words, notes = self.words(said), [*seen.notes]
        token = self._about(target, asked, words, notes)
        return Attended(
            maps=self._maps(*self._read(values, whole, said, request, token or 0), seen.axis, words, request),
            geometry=seen.geometry,
            prediction=Prediction(
                text=" ".join(word for word in words if word != END),
                tokens=words,
                chances=np.exp(said.logprobs).astype(np.float32),
                target=token,
            ),
            image=seen.picture,
            settings={
                "target": token,
                "beams": beams,
                "regions": len(seen.values),
                "gates": {
                    "decoder": None if said.gates is None else said.gates.tolist(),
                    "refiner": None if said.refiner_gates is None else said.refiner_gates.tolist(),
                },
            },
            notes=notes,
            libraries=("torch", "torchvision", "numpy"),
        )

    def _say(self, seen: Features, values: Tensor, whole: Tensor | None, beams: int) -> Caption:
        if not isinstance(self.dictates, CaptionModel):
            return captions(self.network, values, beam=beams, fc=whole)[0]
        told = self.dictates.prepare(seen.picture if seen.picture is not None else seen)
        found = self.dictates._say(told, torch.tensor(told.values)[None], whole, beams)
        return captions(self.network, values, fc=whole, dictated=found.tokens)[0]

    def words(self, said: Caption) -> tuple[str, ...]:
        """One word for each step of a caption, including the end."""
        return tuple(self.vocab[str(token)] if token else END for token in said.tokens.tolist())

    def estimate(
        self, regions: int, layers: Sequence[int] | None = None, heads: Sequence[int] | None = None, half: bool = False
    ) -> int:
        """Bytes that the maps of a caption of maximum length take."""
        options, depth = self.network.options, self.refiner_layers
        decoder_heads = options.num_heads if options.dots else 1
        rows = [
            regions * (options.num_heads if heads is None else len(heads))
            if layer < depth
            else options.max_length * (decoder_heads if heads is None else len(heads))
            for layer in (range(depth + 1) if layers is None else set(layers))
        ]
        return sum(rows) * regions * (2 if half else 4)

    def _look(self, given: Any) -> Features:
        opened = open_picture(given)
        ready = self.eyes.prepare(opened.image)
        with torch.inference_mode():
            grid, whole = self.eyes.look(ready.pixels.to(self.device, self.precision))
        rows, columns, width = grid.shape
        notes = (*opened.notes, *([self.eyes.note] if self.eyes.note else []))
        return Features(
            grid.reshape(rows * columns, width).float().cpu().numpy(),
            (rows, columns),
            None,
            ready.geometry,
            opened.image,
            None if whole is None else whole.float().cpu().numpy(),
            notes,
        )

    def _is_picture(self, array: NDArray[Any]) -> bool:
        """Whether an array in floating point has the channels of a picture, and not the width of features."""
        width = self.network.options.att_feat_size
        return (
            array.ndim in (3, 4)
            and array.shape[-1] != width
            and (array.shape[-1] in (3, 4) or array.shape[-3] in (3, 4))
        )

    def _check(self, found: Features) -> None:
        options = self.network.options
        wanted, came = options.att_feat_size, found.values.shape[1]
        if came != wanted:
            raise GateError("features", f"{wanted} numbers per region, as this checkpoint was trained with", str(came))
        if options.mean_feats:
            return
        whole = 0 if found.fc is None else len(found.fc)
        if whole != options.fc_feat_size:
            want = f"{options.fc_feat_size} features of the whole picture beside the regions, for this checkpoint"
            raise GateError("fc", want, str(whole or "none"), advice="Add an array called fc to the .npz file.")

    def _read(
        self, values: Tensor, whole: Tensor | None, said: Caption, request: Request, step: int
    ) -> tuple[Heard, Sequence[Tensor | None]]:
        """What every attention did while the caption was read: refiner layers, then the decoder once per word; and, if they
        are asked for, the derivatives by its weights of the logit that gave the word of a step.
        """
        like = self.network.logit.weight
        fed = torch.tensor([[0, *said.tokens[:-1].tolist()]], device=like.device)
        given = values.to(like), fed, None, None if whole is None else whole.to(like)
        with self._differentiable() if request.gradients else torch.inference_mode():
            with capture(self.network, request) as seen:
                logits = self.network.logits(*given)[0]
            if not request.gradients:
                return seen, [None] * len(seen)
            return seen, self._by_weights(logits[step, int(said.tokens[step])], seen)

    def _maps(
        self,
        seen: Heard,
        gradients: Sequence[Tensor | None],
        regions: Axis,
        words: tuple[str, ...],
        request: Request,
    ) -> tuple[AttentionMap, ...]:
        depth, pairs = self.refiner_layers, [*zip(seen, gradients, strict=True)]
        maps = [as_map(one, one.layer, "self", regions, regions, request, g) for one, g in pairs if one.layer < depth]
        steps = [one for one in seen if one.layer == depth]
        if steps:
            found = [one.residual for one in steps]
            residual = None if None in found else max(r for r in found if r is not None)
            whole = replace(steps[0], weights=torch.cat([one.weights for one in steps], dim=2), residual=residual)
            slopes = [g for one, g in pairs if one.layer == depth and g is not None]
            gradient = torch.cat(slopes, dim=2) if slopes else None
            maps.append(as_map(whole, depth, "cross", Axis.text(words), regions, request, gradient))
        return tuple(maps)
