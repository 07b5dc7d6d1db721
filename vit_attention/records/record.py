"""The attention record: what one picture, page or sentence made one model look at. numpy only."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vit_attention.gate import GateError, shown
from vit_attention.gate.refusal import one_line
from vit_attention.records import checks
from vit_attention.records.geometry import Geometry
from vit_attention.records.maps import AttentionMap
from vit_attention.records.needs import Run
from vit_attention.records.prediction import Prediction
from vit_attention.records.similar import Similar

if TYPE_CHECKING:
    import pandas
    import plotly.graph_objects as go
    import pyarrow

    from vit_attention import doors

SIDE = 768
"""Longest side in pixels of the picture that a record keeps."""
Signal = NDArray[Any] | tuple[NDArray[Any], ...]


@dataclass(frozen=True, eq=False)
class AttentionRecord:
    """Every map that one input made, and what is needed to draw it on that input.

    Attributes:
        maps: one `AttentionMap` per block captured, in forward order.
        geometry: from the picture the user gave to the pixels the model saw; None without a picture.
        prediction: what the model said.
        picture: the upright picture as JPEG or PNG bytes, at most 768 pixels a side; b"" without a picture.
        text: the text that went in; "" for a picture.
        norms: (layers, tokens) length of every token after each block, float32; (0, 0) if not measured.
        model: the model's name in the registry.
        weights_hash: first 16 hexadecimal digits of the SHA-256 of the weights.
        settings: what was asked for (layers, heads, queries, precision, target; knobs of runs), plain values.
        versions: library versions that made the record.
        signals: what methods need besides weights, if it was kept: "hidden", (layers + 1, tokens, width), the tokens
            that enter the first block and leave every block; "queries", "keys" and "values", one (heads, tokens, head
            width) array a map; "value-grams", (maps, tokens, heads, heads), inner products of what the heads hand over of
            each token; "head-mean", "head-max" and "head-min", (maps, tokens, tokens), all heads fused into one
            matrix; and what runs left, by their names. Gradients are with the maps.
        loaded: whether it was read from a file; its residuals are then those stated by the file, not checked here.
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
    loaded: bool = False
    text: str = ""

    def __post_init__(self) -> None:
        checks.check(self)

    @property
    def layers(self) -> tuple[NDArray[Any], ...]:
        """The weights alone, one (heads, queries, keys) array for each map, for the functions of `visualizer`.

        Where the maps of all tokens form a chain, a map with other queries (such as a pooling head) is only in `maps`.

        Raises:
            GateError: a layer could not be heard, so that the maps do not chain; `maps` still has the others.
        """
        gaps = self.settings.get("unheard")
        if gaps:
            got = f"one whose {len(gaps)} attention layer(s) could not be heard (first: {one_line(gaps[0])})"
            advice = "The maps do not chain from the input to the output: take single ones from record.maps."
            raise GateError("record", "one with every layer", got, advice=advice)
        return tuple(one.weights for one in self._chained)

    @property
    def _chained(self) -> tuple[AttentionMap, ...]:
        return tuple(one for one in self.maps if len(one.query) == len(one.key)) or self.maps

    @property
    def gradients(self) -> tuple[NDArray[Any], ...]:
        """The gradients of `layers`; raises GateError if the record was made without a target."""
        found = tuple(one.gradient for one in self._chained if one.gradient is not None)
        if len(found) != len(self._chained):
            raise GateError("record", "gradients, from model.attend(picture, target=class)", "none")
        return found

    def has(self, signal: str) -> bool:
        """Whether the record carries a signal, by its name in `needs.SIGNALS` or of a run."""
        if signal == "gradients":
            return bool(self.maps) and all(one.gradient is not None for one in self._chained)
        return (
            signal == "weights" or signal in self.signals or (signal == "target" and self.prediction.target is not None)
        )

    def check_run(self, run: Run, defaults: Mapping[str, Any]) -> None:
        """Refuse a run that the record was not made with; raises GateError with what it was made with.

        Args:
            run: wanted.
            defaults: of its knobs, which those had that came later than the record.
        """
        made = self.settings.get("runs", {}).get(run.name) if run.name in self.signals else None
        if made is None:
            raise GateError(run.name, f"a record made with keep=methods()[{run.name!r}].needs", "one without")
        if {**defaults, **made} != run.plain():
            advice = f"Attend again with keep=methods()[{run.name!r}].needs_for(...), or ask with the same knobs."
            raise GateError(
                run.name, f"a record made with {run.plain()}", f"one made with {shown(made)}", advice=advice
            )

    @property
    def residual(self) -> float | None:
        """The largest parity residual of all maps, or None if one is unproven."""
        found = [one.residual for one in self.maps]
        return None if not found or None in found else max(r for r in found if r is not None)

    @property
    def image(self) -> Image.Image:
        """The upright picture; raises GateError if the record has none."""
        if not self.picture:
            raise GateError("record", "one with a picture", "one without")
        return Image.open(io.BytesIO(self.picture), formats=("JPEG", "PNG")).convert("RGB")

    @property
    def nbytes(self) -> int:
        """Memory of the arrays and the picture in bytes."""
        arrays = [a for m in self.maps for a in (m.weights, m.gradient) if a is not None]
        arrays += [a for one in self.signals.values() for a in (one if isinstance(one, tuple) else (one,))]
        return sum(a.nbytes for a in arrays) + self.norms.nbytes + self.prediction.scores.nbytes + len(self.picture)

    def half(self) -> "AttentionRecord":
        """The same record with weights and gradients in float16: half the memory, row sums accurate to about 1e-3."""
        return replace(
            self, maps=tuple(replace(m, weights=_half(m.weights), gradient=_half(m.gradient)) for m in self.maps)
        )

    def save(self, path: str | Path) -> Path:
        """Write one portable bundle (.npz with a JSON manifest), whole or not at all; returns its path."""
        from vit_attention.records import bundle  # pydantic, zipfile and their like, which most never need

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
            "text": self.text,
            "prediction": {
                "labels": said.labels,
                "text": said.text,
                "target": said.plain_target,
                "tokens": said.tokens,
            },
            "maps": [one.to_json() for one in self.maps],
        }
        checks.check_kept(self)
        return bundle.save(Path(path), manifest, arrays)

    def save_attention_json(self, path: str | Path, form: str = "extracted") -> Path:
        """Write the attention of a sentence as JSON with six significant digits, whole or not at all; returns the path.

        Args:
            path: file to write.
            form: "extracted": ``tokens``, ``text`` and ``attention_matrices[layer][head][query][key]``; or "backend", without
                padding: ``tokens``, ``text`` and ``layers``, each with ``layer_idx`` and ``heads``, each with ``head_idx`` and
                ``attention[query][key]``. Both are described in ``vit_attention/schemas``.

        Raises:
            GateError: no self-attention over a text, or only some of its rows; or another form.
        """
        from vit_attention.records import attention_json

        return attention_json.save(self, path, form)

    @classmethod
    def load(cls, path: str | Path, limit: str = "bundle") -> "AttentionRecord":
        """Read a record from a bundle; needs no torch, and runs no code from the file.

        Args:
            path: the file.
            limit: key of `vit_attention.gate.LIMITS` that bounds the size of everything in the file together.

        Raises:
            BundleError: a ValueError that says which field of the file is wrong, what was wanted and what came.
        """
        from vit_attention.records import bundle

        with bundle.opened(Path(path), limit) as file:
            fields, empty = file.manifest, np.zeros(0, np.float32)
            picture = bytes(file.array("picture", b""))
            geometry = None if fields.geometry is None else Geometry.from_fields(fields.geometry)
            if picture:
                checks.check_picture(picture, geometry, decode=True)
            said = fields.prediction
            maps = (
                AttentionMap.from_fields(one, file.array(f"weights_{n}"), file.array(f"gradient_{n}"))
                for n, one in enumerate(fields.maps)
            )
            record = cls(
                maps=tuple(maps),
                geometry=geometry,
                prediction=Prediction(
                    labels=said.labels,
                    scores=file.array("scores").astype(np.float32),
                    text=said.text,
                    target=Similar.parse(said.target) if isinstance(said.target, str) else said.target,
                    tokens=said.tokens,
                    chances=file.array("chances", empty).astype(np.float32),
                ),
                picture=picture,
                norms=file.array("norms").astype(np.float32),
                model=fields.model,
                weights_hash=fields.weights_hash,
                settings=fields.settings.model_dump(exclude_unset=True),
                versions=fields.versions,
                signals={
                    name: file.array(f"signal_{name}")
                    if count is None
                    else tuple(file.array(f"signal_{name}_{i}") for i in range(count))
                    for name, count in fields.signals.items()
                },
                loaded=True,
                text=fields.text,
            )
            checks.check_kept(record)
            return record

    # Short ways. What they look up at, `visualizer` and Plotly, comes when one is asked for.

    def __repr__(self) -> str:
        from vit_attention.records.words import line

        return line(self)

    def _repr_html_(self) -> str:
        from vit_attention import doors

        return doors.block(self)

    def show(
        self,
        layer: int | None = None,
        head: int | None = None,
        query: Any = None,
        method: "doors.Way" = "raw",
        *,
        step: str = "",
        scale: str = "raw",
        cmap: str = "Cividis",
        alpha: float = 0.6,
        height: int = 460,
        **knobs: Any,
    ) -> "go.Figure":
        """A map of this record over the picture, as a Plotly figure; a notebook displays it.

        Args:
            layer: number, 0 first; None takes the last.
            head: number, 0 first; None takes all heads together.
            query: query token: "class", a token's number, (row, column) of a patch, a word of the output, "mean", or a list
                of several; None takes the class token, or the mean of all tokens if there is none.
            method: a name of `visualizer.methods()`, or a `Method` of your own.
            step: "layers", "heads" or "both" add a slider over them; all maps share one scale.
            scale: how numbers become colours, one of `visualizer.style.scale.MODES`.
            cmap: name of a colour map, in upper or lower case.
            alpha: opacity of the map, from 0 (picture only) to 1 (map only).
            height: in pixels.
            knobs: parameters of the method, ``kind`` of the maps ("self", "cross" or "window"), and ``sinks="hide"`` to leave
                sinks out at display.

        Raises:
            ValueError: a map that this record does not have, or a signal that was not kept for it.

        >>> import vit_attention as va
        >>> record = va.load("scene-vit").attend("scene-7")
        >>> record.show(layer=9, head=3, query=(6, 8)).data[0].z.shape
        (14, 14)
        >>> len(record.show(step="layers").frames)
        12
        """
        from vit_attention import doors

        return doors.show(self, doors.Asked(layer, head, query, method, knobs), step, scale, cmap, alpha, height)

    def heatmap(
        self,
        layer: int | None = None,
        head: int | None = None,
        query: Any = None,
        method: "doors.Way" = "raw",
        *,
        size: str = "grid",
        resample: str = "nearest",
        **knobs: Any,
    ) -> NDArray[np.float32]:
        """A map of this record as an array, with one number for each patch or for each pixel.

        Args:
            layer, head, query, method, knobs: as for `show`.
            size: "grid", (rows, columns) of patches, or (tokens,) for text; "input", (height, width) of the model's input;
                "original", (height, width) of the given picture, NaN where the model did not see it.
            resample: "nearest" repeats the number of the patch; "bicubic" interpolates, which adds no information.

        Raises:
            ValueError: a map that this record does not have, or pixels requested for a map over text.

        >>> import vit_attention as va
        >>> record = va.load("scene-vit").attend("scene-7")
        >>> record.heatmap(layer=9, head=3).shape, record.heatmap(layer=9, head=3, size="original").shape
        ((14, 14), (224, 224))
        """
        from vit_attention import doors

        return doors.heatmap(self, doors.Asked(layer, head, query, method, knobs), size, resample)

    def overlay(
        self,
        layer: int | None = None,
        head: int | None = None,
        query: Any = None,
        method: "doors.Way" = "raw",
        *,
        alpha: float = 0.5,
        cmap: str = "Cividis",
        scale: str = "raw",
        picture: Image.Image | None = None,
        **knobs: Any,
    ) -> Image.Image:
        """A map of this record over its picture, as a Pillow image of the given picture's size.

        The record keeps a copy of at most 768 pixels a side, which is enlarged; pass the original as `picture=` for a
        sharp result. Parts that the model did not see are dimmed.

        Args:
            layer, head, query, method, knobs: as for `show`.
            alpha: opacity of the map, from 0 (picture only) to 1 (map only).
            cmap, scale: as for `show`.
            picture: picture to use instead, with the same proportions.

        Raises:
            ValueError: a map that this record does not have, or no picture.

        >>> import vit_attention as va
        >>> va.load("scene-vit").attend("scene-7").overlay(method="rollout", cmap="viridis").size
        (224, 224)
        """
        from vit_attention import doors

        return doors.overlay(self, doors.Asked(layer, head, query, method, knobs), alpha, cmap, scale, picture)

    def save_figure(
        self,
        path: str | Path,
        layer: int | None = None,
        head: int | None = None,
        query: Any = None,
        method: "doors.Way" = "raw",
        *,
        dpi: float = 300,
        width: float = 3.25,
        scale: bool = True,
        title: str | bool | None = None,
        alpha: float = 0.6,
        cmap: str = "Cividis",
        **knobs: Any,
    ) -> Path:
        """Write a map of this record as a figure for a paper, as PNG, SVG or PDF; returns the path.

        Args:
            path: file to write; the extension sets the format.
            layer, head, query, method, knobs: as for `show`.
            dpi: pixels per inch.
            width: width of the whole figure in inches; 3.25 is one column of a two-column paper.
            scale: whether to draw a colour scale below the picture.
            title: text above the picture; True takes a description of the map.
            alpha, cmap: as for `overlay`.

        Raises:
            ValueError: a map that this record does not have, no picture, or another extension.
        """
        from vit_attention import doors

        look = {"dpi": dpi, "width": width, "scale": scale, "alpha": alpha}
        return doors.save_figure(self, doors.Asked(layer, head, query, method, knobs), path, title, cmap, **look)

    def table(self, numbers: Any, by: Sequence[str] = ("layer", "head")) -> "pandas.DataFrame":
        """Numbers of every head, or of a method, as a pandas table; see `visualizer.export.tables.columns`.

        Args:
            numbers: a name of `visualizer.STATISTICS`, a function of (heads, queries, keys) weights that gives one number a
                head or a head and query, the name of a method, or several of the first two in a list.
            by: columns that identify a row, "layer" and "head" or one of them; the mean is taken over the other.

        Raises:
            ValueError: numbers that this record does not have, or pandas is not installed.

        >>> import vit_attention as va
        >>> va.load("scene-vit").attend("scene-7").table("entropy").shape
        (144, 3)
        """
        from vit_attention import doors

        return doors.frame([("", self)], numbers, by)

    def arrow(self, numbers: Any, by: Sequence[str] = ("layer", "head")) -> "pyarrow.Table":
        """The same as an Arrow table, without pandas."""
        from vit_attention import doors

        return doors.arrow([("", self)], numbers, by)


def _half(array: NDArray[Any] | None) -> Any:
    return None if array is None else array.astype(np.float16)


def thumbnail(image: Image.Image, max_side: int = SIDE) -> Image.Image:
    """A copy in RGB with at most `max_side` pixels a side."""
    part = int(max(image.size) / max_side / 2)
    # What Pillow's `thumbnail` does first, but without a copy of the whole.
    small = (image.reduce(part) if part > 1 and image.mode in ("RGB", "L") else image).convert("RGB")
    small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return small


def encode_picture(image: Image.Image, max_side: int = SIDE) -> bytes:
    """The picture for a record, to draw maps on: a JPEG of at most `max_side` pixels a side."""
    out = io.BytesIO()
    thumbnail(image, max_side).save(out, "JPEG", quality=92, subsampling=0)
    return out.getvalue()
