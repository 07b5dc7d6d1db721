"""A loaded captioning model of the AoANet family: where it looked for every word, and how much its gates let through."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from vit_attention.capture import Heard, Request, capture
from vit_attention.inputs.feature_options import treated
from vit_attention.inputs.pictures import open_picture
from vit_attention.inputs.region_features import Features, read_features, region_features
from vit_attention.models.captioning import Caption, captions
from vit_attention.models.cards import Card
from vit_attention.models.devices import OnDevice
from vit_attention.models.versions import versions
from vit_attention.models.vision import DEFAULT_BUDGET, BudgetError
from vit_attention.networks.aoanet import AoANet
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction, encode_picture
from vit_attention.records.geometry import Geometry

END = "<end>"
"""The label of the step that ended the caption."""


@dataclass(frozen=True)
class Eyes:
    """The convolutional network that turns a plain picture into a grid of regions.

    Attributes:
        prepare: upright RGB picture to (1, 3, height, width) pixels and the geometry between them.
        look: pixels to (rows, columns, width) features and (width,) features of the whole picture or None.
        note: what a reader has to know about it, one sentence, or "".
    """

    prepare: Callable[[Image.Image], tuple[Tensor, Geometry]]
    look: Callable[[Tensor], tuple[Tensor, Tensor | None]]
    note: str = ""


class CaptionModel(OnDevice):
    """A captioning network in evaluation mode, its parameters frozen; safe to share between threads.

    It attends over a *set* of regions. Rows and columns of its maps carry no special token and no position of their
    own: what a region knows about its place is in its features.

    Attributes:
        card: what is known about the model.
        module: everything that was loaded.
        network: the captioner in it.
        vocab: word of every token, keys "1", "2", ...
    """

    def __init__(
        self, card: Card, module: nn.Module, network: AoANet, vocab: Mapping[str, str], eyes: Eyes, weights_hash: str
    ) -> None:
        self.card, self.network, self.vocab, self.eyes = card, network, vocab, eyes
        self.weights_hash = weights_hash
        self.module = module.eval().requires_grad_(False)

    def __repr__(self) -> str:
        return f"CaptionModel({self.card.name!r}, {self.refiner_layers} refiner layers, {len(self.vocab)} words)"

    @property
    def refiner_layers(self) -> int:
        """How many layers let regions look at regions; the decoder is one more layer of maps."""
        return 0 if self.network.refiner is None else len(self.network.refiner.layers)

    def features(self, given: Any, picture: Any = None) -> Features:
        """The regions of a picture, or of a file or an array of features, ready to be told.

        Args:
            given: a picture (PIL image, path, bytes, (height, width, 3) uint8 array), a path to an .npz or .npy file of
                features, a float array of them, or `Features`.
            picture: the picture that features were taken from.

        Raises:
            ValueError: features that the network was not made for; says what it wants and what came.
            PictureError: the picture cannot be read.
            DownloadError: the network that looks at plain pictures could not be fetched.
        """
        if isinstance(given, Features):
            found = given
        elif isinstance(given, (str, os.PathLike)) and Path(given).suffix in (".npz", ".npy"):
            found = read_features(Path(given), picture)
        elif isinstance(given, np.ndarray) and given.dtype.kind == "f":
            found = region_features(given, picture=picture)
        else:
            found = self._look(given)
        found = treated(found, self.network.options)
        self._check(found)
        return found

    def attend(
        self,
        given: Any,
        *,
        picture: Any = None,
        beams: int = 1,
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
        half: bool = False,
        proof_rows: int | None = 4,
        budget: int = DEFAULT_BUDGET,
    ) -> AttentionRecord:
        """The attention record of one caption: for every word, which regions were looked at to produce it.

        Maps come in forward order: one of kind "self" per refiner layer (regions by regions), then the decoder's, of
        kind "cross" (words by regions). Row t of the decoder's map belongs to word t; the last row of a caption that
        came to its end chose the end token. The caption is searched first, then read to the network once more and
        captured, which gives the same weights (the tests compare) and proves them.

        How much each gate let through (mean over its channels, 0 to 1) stands in ``record.settings["gates"]``:
        ``"decoder"`` has one number per word, ``"refiner"`` one list per layer with one number per region; None where
        the network has no such gate.

        Args:
            given: as for `features`.
            picture: the picture that features were taken from.
            beams: 1 searches greedily; more keep that many captions alive and follow the winner.
            layers: maps to keep, 0 first, the decoder's number being `refiner_layers`; None keeps all.
            heads: heads to keep of each; None keeps all.
            half: keep weights in float16.
            proof_rows: rows of every block on which the parity proof runs; None proves all.
            budget: largest memory of the maps in bytes.

        Raises:
            ValueError: as for `features`; or a number out of range.
            BudgetError: the maps could take more than `budget`; raised before anything is searched.
        """
        seen = self.features(given, picture)
        request = self._request(layers, heads, half, proof_rows)
        estimate = self.estimate(len(seen.values), layers, heads, half)
        if estimate > budget:
            raise BudgetError(
                f"this capture: want at most {budget / 1e6:.0f} MB of maps, got up to {estimate / 1e6:.0f} MB"
            )
        values = torch.tensor(seen.values)[None]  # a copy: what came from a file may not be written to
        whole = None if seen.fc is None or self.network.options.mean_feats else torch.from_numpy(seen.fc)[None]
        said = captions(self.network, values, beam=beams, fc=whole)[0]
        words = self.words(said)
        return AttentionRecord(
            maps=self._maps(self._read(values, whole, said, request), seen.axis, words, heads, layers),
            geometry=seen.geometry,
            prediction=Prediction(
                text=" ".join(word for word in words if word != END),
                tokens=words,
                chances=np.exp(said.logprobs).astype(np.float32),
            ),
            picture=b"" if seen.picture is None else encode_picture(seen.picture),
            model=self.card.name,
            weights_hash=self.weights_hash,
            settings={
                "beams": beams, "layers": _plain(layers), "heads": _plain(heads), "half": half,
                "regions": len(seen.values), "gates": _gates(said), "notes": list(seen.notes),
            },
            versions=versions("torch", "torchvision", "numpy"),
        )  # fmt: skip

    def words(self, said: Caption) -> tuple[str, ...]:
        """One word per step of a caption, the end included."""
        return tuple(self.vocab[str(token)] if token else END for token in said.tokens.tolist())

    def estimate(
        self, regions: int, layers: Sequence[int] | None = None, heads: Sequence[int] | None = None, half: bool = False
    ) -> int:
        """Bytes that the maps of a caption of the greatest length take."""
        options, depth = self.network.options, self.refiner_layers
        decoder_heads = options.num_heads if options.dots else 1
        rows = [
            regions * (options.num_heads if heads is None else len(heads)) if layer < depth
            else options.max_length * (decoder_heads if heads is None else len(heads))
            for layer in (range(depth + 1) if layers is None else set(layers))
        ]  # fmt: skip
        return sum(rows) * regions * (2 if half else 4)

    def _look(self, given: Any) -> Features:
        opened = open_picture(given)
        pixels, geometry = self.eyes.prepare(opened.image)
        with torch.inference_mode():
            grid, whole = self.eyes.look(pixels.to(self.device))
        rows, columns, width = grid.shape
        notes = (*opened.notes, *([self.eyes.note] if self.eyes.note else []))
        return Features(
            grid.reshape(rows * columns, width).float().cpu().numpy(), (rows, columns), None, geometry, opened.image,
            None if whole is None else whole.float().cpu().numpy(), notes,
        )  # fmt: skip

    def _check(self, found: Features) -> None:
        options = self.network.options
        wanted, came = options.att_feat_size, found.values.shape[1]
        if came != wanted:
            raise ValueError(f"features: this checkpoint wants {wanted} numbers per region, got {came}")
        if options.mean_feats:
            return
        whole = 0 if found.fc is None else len(found.fc)
        if whole != options.fc_feat_size:
            raise ValueError(
                f"fc: this checkpoint wants {options.fc_feat_size} features of the whole picture beside the regions (an "
                f"array called fc in the .npz file), got {whole or 'none'}"
            )

    def _request(
        self, layers: Sequence[int] | None, heads: Sequence[int] | None, half: bool, proof_rows: int | None
    ) -> Request:
        wrong = [] if layers is None else [n for n in layers if not 0 <= n <= self.refiner_layers]
        if wrong or (layers is not None and not len(layers)):
            raise ValueError(
                f"layers: want numbers from 0 to {self.refiner_layers}, the last one the decoder's, got {layers}"
            )
        return Request(layers=layers, heads=heads, half=half, proof_rows=proof_rows)

    def _read(self, values: Tensor, whole: Tensor | None, said: Caption, request: Request) -> Heard:
        """What every attention did while the caption was read: refiner layers, then the decoder once per word."""
        like = self.network.logit.weight
        fed = torch.tensor([[0, *said.tokens[:-1].tolist()]], device=like.device)
        with torch.inference_mode(), capture(self.network, request) as seen:
            self.network(values.to(like), fed, fc=None if whole is None else whole.to(like))
        return seen

    def _maps(
        self,
        seen: Heard,
        regions: Axis,
        words: tuple[str, ...],
        heads: Sequence[int] | None,
        layers: Sequence[int] | None,
    ) -> tuple[AttentionMap, ...]:
        kept = None if heads is None else tuple(int(h) for h in heads)
        depth = self.refiner_layers
        maps = [
            AttentionMap(_array(one.weights[0]), one.name, one.layer, "self", regions, regions, one.residual, kept)
            for one in seen
            if one.layer < depth
        ]
        steps = [one for one in seen if one.layer == depth]
        if steps:
            weights = _array(torch.cat([one.weights[0] for one in steps], dim=1))
            found = [one.residual for one in steps]
            residual = None if None in found else max(r for r in found if r is not None)
            maps.append(AttentionMap(weights, steps[0].name, depth, "cross", Axis.text(words), regions, residual, kept))
        return tuple(maps)


def _array(weights: Tensor) -> NDArray[Any]:
    return (weights if weights.dtype == torch.float16 else weights.float()).cpu().numpy()


def _gates(said: Caption) -> dict[str, Any]:
    """Gates as plain lists, for a manifest."""
    return {
        "decoder": None if said.gates is None else said.gates.tolist(),
        "refiner": None if said.refiner_gates is None else said.refiner_gates.tolist(),
    }


def _plain(numbers: Sequence[int] | None) -> list[int] | None:
    return None if numbers is None else [int(n) for n in numbers]
