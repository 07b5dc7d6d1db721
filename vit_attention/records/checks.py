"""What the parts of a record must have in common so that every page and export can draw it. numpy and Pillow only."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from vit_attention.gate import LIMITS, GateError, shown
from vit_attention.gate.pictures import open_encoded
from vit_attention.gate.refusal import reading
from vit_attention.records.axes import Axis
from vit_attention.records.geometry import Geometry
from vit_attention.records.maps import AttentionMap, check_numbers
from vit_attention.records.needs import FUSED, GRAMS, LABELED, LAYERED, PROPAGATED
from vit_attention.records.similar import Similar

if TYPE_CHECKING:
    from vit_attention.records.record import AttentionRecord

RECORD = "record"
_ROUNDING = 1e-3
"""By how much a share may exceed 1 once it is rounded."""
_BOUNDS = dict.fromkeys(FUSED, (0, 1 + _ROUNDING)) | dict.fromkeys(LABELED, (-1 - _ROUNDING, 1 + _ROUNDING))
"""What numbers of a signal lie between."""
_OVERSHOOT = 0.1
"""By how much of the input's side a box may reach beyond it: detectors overshoot the rim."""


def check(record: "AttentionRecord") -> None:
    """Refuse a record whose parts do not fit each other; what each part is by itself was checked when it was made.

    Raises:
        GateError: which part, what was wanted and what came.
    """
    for one in record.maps:
        one.check_rows()
    _check_gradients(record)
    _check_target(record)
    _check_norms(record)
    _check_signals(record)
    _check_settings(record)
    if record.geometry is not None:
        record.geometry.check_drawable()
        for one in record.maps:
            _check_on_input(one.query, record.geometry)
            _check_on_input(one.key, record.geometry)
    if record.picture:
        check_picture(record.picture, record.geometry)


def check_kept(record: "AttentionRecord") -> None:
    """Refuse what may not stand in a file: rows without any key, which only a map of windows may have there."""
    for one in record.maps:
        if one.kind != "window" and one.undefined:
            raise GateError(f"map {shown(one.name)}", "defined numbers (NaN only off a window)", "NaN", field="weights")


def _of_patches(record: "AttentionRecord") -> list[AttentionMap]:
    """The maps in which patches ask."""
    return [one for one in record.maps if one.query.kind == "patches"]


def of_input(record: "AttentionRecord") -> list[AttentionMap]:
    """The maps in which what went in asks: patches, or the tokens of a text."""
    own = [one for one in record.maps if record.text and one.kind == "self" and one.query.kind == "text"]
    return _of_patches(record) or own


def _depth(record: "AttentionRecord") -> int:
    """How many layers a method may ask about: layers by number, or by place where two maps share a number."""
    last = max((one.layer for one in of_input(record)), default=-1)
    for windows in (True, False):
        numbers = [one.layer for one in record.maps if (one.kind == "window") is windows]
        last = last if len({*numbers}) == len(numbers) else max(last, len(numbers) - 1)
    return last + 1


def _check_gradients(record: "AttentionRecord") -> None:
    said = record.prediction
    if (said.labels or said.tokens) and said.target is None and any(one.gradient is not None for one in record.maps):
        raise GateError(RECORD, "the class or token that gradients are about", "none", field="prediction: target")


def _check_target(record: "AttentionRecord") -> None:
    """A similarity is between tokens that the record has, as far as they are in its picture."""
    target = record.prediction.target
    if not isinstance(target, Similar):
        return
    axes = [one.query for one in _of_patches(record)]
    if not axes:
        raise GateError(RECORD, "maps of patches, as a similarity is asked about", "none", field="prediction: target")
    for axis in axes:
        target.check(axis)


def _check_norms(record: "AttentionRecord") -> None:
    norms = record.norms
    if norms.ndim != 2 or norms.dtype.kind != "f":
        raise GateError(
            RECORD, "(layers, tokens) floating-point numbers", f"{norms.dtype} of {norms.shape}", field="norms"
        )
    if not norms.size:
        return
    found = [one for one in of_input(record) if one.kind != "window"]
    tokens = sorted({len(one.query) for one in found}) or [norms.shape[1]]
    chosen = record.settings.get("layers") or record.settings.get("unheard")
    layers = max((one.layer + 1 for one in found), default=1)
    if norms.shape[1] not in tokens or norms.shape[0] < layers or (norms.shape[0] > layers and found and not chosen):
        raise GateError(RECORD, f"({layers}, {tokens[-1]}), a row a layer", f"{norms.shape}", field="norms")
    check_numbers(norms, RECORD, "norms", low=0)


def _check_signals(record: "AttentionRecord") -> None:
    for name, signal in record.signals.items():
        where = f"signal {shown(name)}"
        for part in signal if isinstance(signal, tuple) else (signal,):
            if part.dtype.kind != "f" or not 1 <= part.ndim <= 4 or not part.size:
                raise GateError(
                    RECORD, "floating-point numbers on one to four axes", f"{part.dtype} of {part.shape}", field=where
                )
            check_numbers(part, RECORD, where, *_BOUNDS.get(name, ()))
        wanted = _wanted(name, record)
        if wanted and not wanted[1](signal):
            got = f"{len(signal)} arrays" if isinstance(signal, tuple) else f"{signal.shape}"
            raise GateError(RECORD, wanted[0], got, field=where)


def _wanted(name: str, record: "AttentionRecord") -> tuple[str, Callable[[Any], bool]] | None:
    """What a signal that methods read must be, in words and as a test."""
    tokens, states = {len(one.query) for one in of_input(record)}, _depth(record) + 1
    cells = {len(one.key) - one.key.prefix for one in record.maps}
    rows = f"at least {states} rows of {', '.join(map(str, sorted(tokens))) or 'all'} tokens"
    known: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "hidden": (f"{rows}, each of some width", lambda a: _is_by_token(a, 3, states, tokens)),
    }
    staged = (rows, lambda a: _is_by_token(a, 2, states, tokens))
    known |= dict.fromkeys(("painted", *PROPAGATED), staged)
    if record.prediction.tokens:  # through a decoder, to the cells of the page
        page = {(1, len(one.key)) for one in record.maps if one.kind == "cross"}
        cells_once = ("one row of the page's cells", lambda a: not isinstance(a, tuple) and page <= {a.shape})
        known |= dict.fromkeys(PROPAGATED, cells_once)
    known |= dict.fromkeys(("occlusion", "rise"), ("one number a patch", lambda a: _is_of_size(a, cells)))
    parts = {len(one.key) - one.key.prefix * (one.key.kind != "text") for one in record.maps}
    slopes = ("input-gradients", "smoothgrad")
    known |= dict.fromkeys(slopes, ("one number a patch or token", lambda a: _is_of_size(a, parts)))
    known["integrated-gradients"] = (
        "one number a patch or token, and two scores",
        lambda a: isinstance(a, tuple) and len(a) == 2 and _is_of_size(a[0], parts) and a[1].shape == (2,),
    )
    layers = f"at least {states - 1} rows of {', '.join(map(str, sorted(tokens))) or 'all'} tokens"
    known |= dict.fromkeys(LAYERED, (layers, lambda a: _is_by_token(a, 2, states - 1, tokens)))
    known["logit-lens"] = (
        f"{rows}, of one number or of 5, the fourth that of a class",
        lambda a: _is_read(a, states, tokens, len(record.prediction.labels)),
    )
    texts = len(record.prediction.labels) + 1
    cosines = f"at least {states - 1} layers of {texts} labels, the empty one included, and one number more than tokens"
    known |= dict.fromkeys(LABELED, (cosines, lambda a: _is_by_token(a, 3, states - 1, {n + 1 for n in tokens}, texts)))
    each = ("one number a token", lambda a: not isinstance(a, tuple) and {a.shape} == {(n,) for n in tokens})
    known |= dict.fromkeys(("masking", "grad-cam"), each)
    matrices = f"a matrix of {', '.join(map(str, sorted(tokens))) or 'all'} tokens a map"
    square = {(len(of_input(record)), n, n) for n in tokens}
    known |= dict.fromkeys(FUSED, (matrices, lambda a: not isinstance(a, tuple) and {a.shape} == square))
    known[GRAMS] = (
        f"(tokens, heads, heads) of {', '.join(map(str, sorted(tokens))) or 'all'} tokens a map, of all their heads",
        lambda a: (
            _is_by_token(a, 4, sum(one.kind == "self" for one in of_input(record)), tokens)
            and a.shape[2] == a.shape[3] >= _heads(record)
        ),
    )
    vectors = ("(heads, tokens, width) a map", lambda a: isinstance(a, tuple) and len(a) == len(record.maps))
    return known.get(name, vectors if name in ("queries", "keys", "values") else None)


def _heads(record: "AttentionRecord") -> int:
    """How many heads a layer has at least, by the numbers of those that were kept."""
    return max((len(one.weights) if one.heads is None else max(one.heads) + 1 for one in of_input(record)), default=0)


def _is_of_size(array: Any, sizes: set[int]) -> bool:
    return not isinstance(array, tuple) and sizes <= {array.size}


def _is_by_token(array: Any, axes: int, states: int, tokens: set[int], texts: int | None = None) -> bool:
    """Whether an array has layers in front, tokens on axis 1, or behind so many texts on axis 2."""
    whole = not isinstance(array, tuple) and array.ndim == axes
    if not whole or len(array) < states:
        return False
    return tokens <= {array.shape[1]} if texts is None else tokens <= {array.shape[2]} and array.shape[1] == texts


def _is_read(array: Any, states: int, tokens: set[int], labels: int) -> bool:
    """Whether an array has what a lens reads off every token, in which the number of a class is one there is."""
    if _is_by_token(array, 3, states, tokens, 5):
        return bool(((array[:, 3] >= 0) & (array[:, 3] < labels)).all())
    return _is_by_token(array, 3, states, tokens, 1)


def _check_settings(record: "AttentionRecord") -> None:
    """Settings that are drawn: how far the gates of a captioner were open, and with which knobs runs were made."""
    runs = record.settings.get("runs", {})
    if not isinstance(runs, dict) or not all(isinstance(knobs, dict) for knobs in runs.values()):
        raise GateError(RECORD, "knobs by name for every run", shown(runs), field="settings: runs")
    for name in ("labels", "pictures"):
        classes = record.settings.get(name)
        if classes is not None and list(record.prediction.labels) != classes:
            raise GateError(RECORD, "the labels that the prediction has", shown(classes), field=f"settings: {name}")
    gates = record.settings.get("gates")
    if gates is None:
        return
    if not isinstance(gates, dict):
        raise GateError(RECORD, "gates of the decoder and of the refiner", shown(gates), field="settings: gates")
    for one in record.maps:
        if one.kind == "cross" and gates.get("decoder") is not None:
            _check_shares(gates["decoder"], len(one.query) - one.query.prefix, "settings: gates: decoder")
        if one.kind == "self" and gates.get("refiner") is not None:
            layers = gates["refiner"]
            if not isinstance(layers, list) or len(layers) <= one.layer:
                raise GateError(RECORD, "a list for every layer", shown(layers), field="settings: gates: refiner")
            for layer in layers:
                _check_shares(layer, len(one.query) - one.query.prefix, "settings: gates: refiner")


def _check_shares(given: Any, count: int, field: str) -> None:
    good = isinstance(given, list) and len(given) == count
    if not good or not all(isinstance(n, (int, float)) and not isinstance(n, bool) and 0 <= n <= 1 for n in given):
        raise GateError(RECORD, f"{count} shares of 0 to 1", shown(given), field=field)


def _check_on_input(axis: Axis, geometry: Geometry) -> None:
    """Patches are at least a pixel of the input each, boxes lie on it."""
    if axis.grid is not None and (axis.grid[0] > geometry.seen[1] or axis.grid[1] > geometry.seen[0]):
        want = f"at most one patch a pixel of {geometry.seen[0]} x {geometry.seen[1]}"
        raise GateError(RECORD, want, f"{axis.grid[0]} rows of {axis.grid[1]}", field="geometry: seen")
    if axis.boxes is None:
        return
    sides = np.tile(geometry.seen, 2).astype(np.float64)
    known = axis.boxes[~np.isnan(axis.boxes).any(axis=1)] / sides
    if (known[:, :2] >= 1).any() or (known[:, 2:] <= 0).any() or (np.abs(known - 0.5) > 0.5 + _OVERSHOOT).any():
        want = f"boxes on the input, {geometry.seen[0]} x {geometry.seen[1]} pixels"
        raise GateError(RECORD, want, "some beside it", field="boxes")


def check_picture(data: bytes, geometry: Geometry | None, decode: bool = False) -> None:
    """Refuse a picture that cannot be drawn, or is not of the shape that the geometry tells.

    Args:
        data: JPEG or PNG.
        geometry: of the record.
        decode: also decode it, for pictures from outside.
    """
    try:
        with reading(RECORD, "a whole JPEG or PNG"):
            found = open_encoded(data, RECORD)
            width, height = found.size
            LIMITS["record picture"].check(width * height, RECORD)
            if found.kind not in ("JPEG", "PNG"):
                raise GateError(RECORD, "a whole JPEG or PNG", f"a {found.kind}")
            if decode:
                found.image.convert("RGB")
    except GateError as error:
        raise GateError(RECORD, error.want, error.got, field="picture", advice=error.advice) from error
    if geometry is not None and not geometry.fits(width, height):
        want = f"the shape of {geometry.original[0]} x {geometry.original[1]}"
        raise GateError(RECORD, want, f"{width} x {height}", field="picture")
