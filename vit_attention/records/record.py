"""The attention record: what one picture, page or sentence made one model look at. numpy only."""

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vit_attention.records.geometry import Geometry
from vit_attention.records.maps import ROW_SUM_TOLERANCE, AttentionMap
from vit_attention.records.needs import Run

Signal = NDArray[Any] | tuple[NDArray[Any], ...]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model said.

    Attributes:
        labels: every class the model knows, or () for models without classes.
        scores: (classes,) raw scores (logits), float32, in the order of `labels`.
        text: generated text or caption, or "".
        tokens: what was generated, one entry a token, the end token included if the model gave one.
        chances: (tokens,) probability of each generated token at its step, float32; empty if not measured.
        target: class whose score the maps' gradients belong to, or None.
    """

    labels: tuple[str, ...] = ()
    scores: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    text: str = ""
    target: int | None = None
    tokens: tuple[str, ...] = ()
    chances: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        if self.chances.size and self.chances.shape != (len(self.tokens),):
            raise ValueError(f"prediction: want one chance per token, got {self.chances.shape} for {len(self.tokens)}")
        if len(self.labels) != len(self.scores):
            raise ValueError(f"prediction: want one score per label, got {len(self.labels)} and {len(self.scores)}")

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(classes,) softmax of the scores."""
        shifted = np.exp(self.scores.astype(np.float64) - (self.scores.max() if len(self.scores) else 0))
        return np.asarray(shifted / max(shifted.sum(), 1e-300))

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The `count` likeliest (label, probability), best first."""
        chances = self.probabilities
        return [(self.labels[i], float(chances[i])) for i in np.argsort(-chances, kind="stable")[:count]]


@dataclass(frozen=True, eq=False)
class AttentionRecord:
    """Every map that one input made, and what is needed to draw it on that input.

    Attributes:
        maps: one `AttentionMap` per block captured, in forward order.
        geometry: from the picture the user gave to the pixels the model saw; None without a picture.
        prediction: what the model said.
        picture: the upright picture as JPEG or PNG bytes, at most 768 pixels a side; b"" without a picture.
        norms: (layers, tokens) length of every token after each block, float32; (0, 0) if not measured.
        model: the model's name in the registry.
        weights_hash: first 16 hexadecimal digits of the SHA-256 of the weights.
        settings: what was asked for (layers, heads, queries, precision, target; knobs of runs), plain values.
        versions: library versions that made the record.
        signals: what methods need beside weights, if it was asked for: "hidden", (layers + 1, tokens, width), the tokens
            that enter the first block and leave every block; "queries", "keys" and "values", one (heads, tokens, head
            width) array a map; and what runs left, by their names. Gradients are with the maps.
    """

    maps: tuple[AttentionMap, ...]
    geometry: Geometry | None = None
    prediction: Prediction = field(default_factory=Prediction)
    picture: bytes = b""
    norms: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    model: str = ""
    weights_hash: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    signals: dict[str, Signal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.maps:
            if one.row_error > ROW_SUM_TOLERANCE[one.weights.dtype]:
                raise ValueError(f"map {one.name!r}: want rows that sum to 1, got a sum off by {one.row_error:.2g}")

    @property
    def layers(self) -> tuple[NDArray[Any], ...]:
        """The weights alone, one (heads, queries, keys) array per map: what `visualizer` functions take.

        Where maps of all tokens chain, a map with other queries (the pool behind them) is left to `maps`.

        Raises:
            ValueError: a layer could not be heard, so that the maps do not chain; `maps` still has the others.
        """
        gaps = self.settings.get("unheard")
        if gaps:
            raise ValueError(
                f"{len(gaps)} attention layer(s) could not be heard (first: {gaps[0]}), so the maps do not chain from the input "
                "to the output: want every layer, take single ones from record.maps"
            )
        return tuple(one.weights for one in self._chained)

    @property
    def _chained(self) -> tuple[AttentionMap, ...]:
        return tuple(one for one in self.maps if len(one.query) == len(one.key)) or self.maps

    @property
    def gradients(self) -> tuple[NDArray[Any], ...]:
        """The gradients of `layers`; raises ValueError if the record was made without a target."""
        found = tuple(one.gradient for one in self._chained if one.gradient is not None)
        if len(found) != len(self._chained):
            raise ValueError("this record has no gradients: want model.attend(picture, target=class), got none")
        return found

    def has(self, signal: str) -> bool:
        """Whether the record carries a signal, by its name in `needs.SIGNALS` or of a run."""
        if signal == "gradients":
            return bool(self.maps) and all(one.gradient is not None for one in self._chained)
        return (
            signal == "weights" or signal in self.signals or (signal == "target" and self.prediction.target is not None)
        )

    def check_run(self, run: Run) -> None:
        """Refuse a run that the record was not made with; raises ValueError with what it was made with."""
        made = self.settings.get("runs", {}).get(run.name)
        if made is None:
            raise ValueError(f"{run.name}: want a record made with keep=methods()[{run.name!r}].needs, got one without")
        if made != run.plain():
            raise ValueError(
                f"{run.name}: want a record made with {run.plain()}, got one made with {made}: attend again with "
                f"keep=methods()[{run.name!r}].needs_for(...), or ask with the same knobs"
            )

    @property
    def residual(self) -> float | None:
        """The largest parity residual of all maps, or None if one is unproven."""
        found = [one.residual for one in self.maps]
        return None if not found or None in found else max(r for r in found if r is not None)

    @property
    def image(self) -> Image.Image:
        """The upright picture; raises ValueError if the record has none."""
        if not self.picture:
            raise ValueError("this record carries no picture")
        return Image.open(io.BytesIO(self.picture), formats=("JPEG", "PNG")).convert("RGB")

    @property
    def nbytes(self) -> int:
        """Memory of the arrays and the picture in bytes."""
        arrays = [a for m in self.maps for a in (m.weights, m.gradient) if a is not None]
        arrays += [a for one in self.signals.values() for a in (one if isinstance(one, tuple) else (one,))]
        return sum(a.nbytes for a in arrays) + self.norms.nbytes + self.prediction.scores.nbytes + len(self.picture)

    def half(self) -> "AttentionRecord":
        """The same record with weights and gradients in float16: half the memory, row sums right to about 1e-3."""
        return replace(
            self, maps=tuple(replace(m, weights=_half(m.weights), gradient=_half(m.gradient)) for m in self.maps)
        )

    def save(self, path: str | Path) -> Path:
        """Write one portable bundle (.npz with a JSON manifest), whole or not at all; returns its path."""
        from vit_attention.records import bundle  # zipfile and its like, which most who import records never need

        said, signals = self.prediction, self.signals
        arrays = {"norms": self.norms, "scores": said.scores}
        arrays |= {"chances": said.chances} if said.chances.size else {}
        arrays |= {"picture": np.frombuffer(self.picture, np.uint8)} if self.picture else {}
        for i, one in enumerate(self.maps):
            arrays[f"weights_{i}"] = one.weights
            arrays |= {} if one.gradient is None else {f"gradient_{i}": one.gradient}
        for name, signal in signals.items():
            parts = {f"_{i}": part for i, part in enumerate(signal)} if isinstance(signal, tuple) else {"": signal}
            arrays |= {f"signal_{name}{end}": part for end, part in parts.items()}
        manifest = {
            "model": self.model,
            "weights_hash": self.weights_hash,
            "settings": self.settings,
            "versions": self.versions,
            "signals": {name: len(one) if isinstance(one, tuple) else None for name, one in signals.items()},
            "geometry": None if self.geometry is None else self.geometry.to_json(),
            "prediction": {"labels": said.labels, "text": said.text, "target": said.target, "tokens": said.tokens},
            "maps": [one.to_json() for one in self.maps],
        }
        return bundle.save(Path(path), manifest, arrays)

    @classmethod
    def load(cls, path: str | Path) -> "AttentionRecord":
        """Read a bundle; needs no torch. Raises `BundleError` (a ValueError) for anything that is not one."""
        from vit_attention.records import bundle

        with bundle.opened(Path(path)) as file:
            data, geometry, empty = file.manifest, file.manifest["geometry"], np.zeros(0, np.float32)
            said = data["prediction"]
            return cls(
                maps=tuple(AttentionMap.from_json(one, i, file.array) for i, one in enumerate(data["maps"])),
                geometry=None if geometry is None else Geometry.from_json(geometry),
                prediction=Prediction(
                    labels=tuple(map(str, said["labels"])),
                    scores=file.array("scores").astype(np.float32),
                    text=str(said["text"]),
                    target=said["target"],
                    tokens=tuple(map(str, said.get("tokens", ()))),
                    chances=file.array("chances").astype(np.float32) if file.has("chances") else empty,
                ),
                picture=bytes(file.array("picture")) if file.has("picture") else b"",
                norms=file.array("norms"),
                model=str(data["model"]),
                weights_hash=str(data["weights_hash"]),
                settings=dict(data["settings"]),
                versions=dict(data["versions"]),
                signals={
                    str(name): file.array(f"signal_{name}")
                    if count is None
                    else tuple(file.array(f"signal_{name}_{i}") for i in range(int(count)))
                    for name, count in data.get("signals", {}).items()
                },
            )


def _half(array: NDArray[Any] | None) -> Any:
    return None if array is None else array.astype(np.float16)


def encode_picture(image: Image.Image, max_side: int = 768) -> bytes:
    """The picture for a record, to draw maps on: a JPEG of at most `max_side` pixels a side."""
    part = int(max(image.size) / max_side / 2)
    # What `thumbnail` does first, but without a copy of the whole.
    small = (image.reduce(part) if part > 1 and image.mode in ("RGB", "L") else image).convert("RGB")
    small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=92, subsampling=0)
    return out.getvalue()
