from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction, encode_picture
from vit_attention.records.bundle import BundleError
from vit_attention.records.geometry import Geometry


def a_map(rng: np.random.Generator, dtype: type = np.float32, **extra: object) -> AttentionMap:
    axis = Axis.patches(2, 3, ("class", "register 1"))
    weights = rng.dirichlet(np.ones(8), size=(2, 8)).astype(dtype)
    return AttentionMap(weights, "blocks.0", 0, "self", axis, axis, residual=1e-6, **extra)  # type: ignore[arg-type]


def a_record(rng: np.random.Generator) -> AttentionRecord:
    picture = Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8))
    first = a_map(rng)
    second = AttentionMap(
        first.weights[:1, :2], "blocks.1", 1, "self", first.query, first.key, None, (1,), (0, 7), first.weights[:1, :2]
    )
    return AttentionRecord(
        (first, second),
        Geometry.of(60, 40).resize(30, 20),
        Prediction(("a", "b"), np.float32([0.5, 2]), target=1),
        encode_picture(picture),
        rng.random((2, 8)).astype(np.float32),
        "tiny",
        "ab" * 8,
        {"half": False},
        {"numpy": "2"},
    )


def test_a_bundle_gives_back_everything(tmp_path: Path, rng: np.random.Generator) -> None:
    record = a_record(rng)
    loaded = AttentionRecord.load(record.save(tmp_path / "one"))
    for mine, theirs in zip(record.maps, loaded.maps, strict=True):
        np.testing.assert_array_equal(mine.weights, theirs.weights)
        assert (mine.name, mine.layer, mine.heads, mine.queries) == (
            theirs.name,
            theirs.layer,
            theirs.heads,
            theirs.queries,
        )
        assert mine.query.special == theirs.query.special
        assert mine.query.grid == theirs.query.grid
    np.testing.assert_array_equal(loaded.maps[1].gradient, record.maps[1].gradient)
    assert loaded.geometry == record.geometry
    assert loaded.prediction.top(1) == record.prediction.top(1)
    assert loaded.picture == record.picture
    assert loaded.image.size == (60, 40)
    assert (loaded.model, loaded.weights_hash, loaded.settings) == ("tiny", "ab" * 8, {"half": False})
    assert [p.name for p in tmp_path.iterdir()] == ["one.npz"]


def test_loading_and_drawing_needs_no_torch(tmp_path: Path, rng: np.random.Generator) -> None:
    path = a_record(rng).save(tmp_path / "one.npz")
    program = (
        "import sys; import vit_attention as va; from visualizer import entropy\n"
        f"r = va.AttentionRecord.load({str(path)!r}); entropy(r.maps[0].weights)\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).resolve().parents[3])


def test_an_interrupted_save_leaves_the_old_file(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = a_record(rng)
    path = record.save(tmp_path / "one.npz")
    before = path.read_bytes()

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(ValueError, match="got a full disk"):
        record.save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def hostile(kind: str, good: bytes) -> bytes:
    """A broken or malicious variant of a good bundle."""
    if kind == "text":
        return b"I am a bundle, believe me"
    if kind == "cut":
        return good[: len(good) // 2]
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "manifest.npy" and kind == "nested":
                data = _as_npy(np.frombuffer(b"[" * 100_000, np.uint8))
            if name == "manifest.npy" and kind == "version":
                manifest = json.loads(bytes(np.load(io.BytesIO(data))))
                data = _as_npy(np.frombuffer(json.dumps({**manifest, "version": 99}).encode(), np.uint8))
            if name == "weights_0.npy" and kind == "pickle":
                data = _as_npy(np.array([{"a": 1}], dtype=object), allow_pickle=True)
            if name == "weights_0.npy" and kind == "shape":
                data = _as_npy(np.zeros((3, 3), np.float32))
            if name == "weights_0.npy" and kind == "rows":
                data = _as_npy(np.load(io.BytesIO(data)) * 2)
            if name == "weights_0.npy" and kind == "lie":  # a header that promises 8 TB
                data = data.replace(b"(2, 8, 8), }", b"(2, 8, 99999999999), }")[: len(data)]
            target.writestr(name, data)
    return out.getvalue()


def _as_npy(array: np.ndarray, **extra: bool) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **extra)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("kind", ["text", "cut", "nested", "version", "pickle", "shape", "rows", "lie"])
def test_a_hostile_bundle_is_refused_with_a_message(kind: str, tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(hostile(kind, a_record(rng).save(tmp_path / "good").read_bytes()))
    with pytest.raises(BundleError, match=r".+"):
        AttentionRecord.load(path)


def test_a_missing_bundle_says_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"none\.npz: want an existing file"):
        AttentionRecord.load(tmp_path / "none.npz")


def test_records_refuse_what_is_not_attention(rng: np.random.Generator) -> None:
    axis = Axis.patches(2, 3, ("class", "register 1"))
    weights = rng.dirichlet(np.ones(8), size=(2, 8)).astype(np.float32)
    with pytest.raises(ValueError, match=r"weights: want \(heads, 8, 8\)"):
        AttentionMap(weights[:, :, :7], "m", 0, "self", axis, axis)
    with pytest.raises(ValueError, match="float32 or float16"):
        AttentionMap(weights.astype(np.float64), "m", 0, "self", axis, axis)
    with pytest.raises(ValueError, match="kind: want one of"):
        AttentionMap(weights, "m", 0, "selfish", axis, axis)
    with pytest.raises(ValueError, match="sum to 1"):
        AttentionRecord((AttentionMap(weights * 1.01, "m", 0, "self", axis, axis),))
    with pytest.raises(ValueError, match="one score per label"):
        Prediction(("a",), np.float32([1, 2]))
    with pytest.raises(ValueError, match="axis: kind: want one of"):
        Axis("pixels")


def test_undefined_keys_do_not_count_as_missing_mass() -> None:
    axis = Axis.patches(1, 4)
    weights = np.full((1, 4, 4), np.nan, np.float32)
    weights[0, :2, :2] = [[0.25, 0.75], [1, 0]]
    one = AttentionMap(weights, "window", 0, "window", axis, axis)
    assert one.row_error == 0
    AttentionRecord((one,))


def test_names_of_tokens() -> None:
    axis = Axis.patches(2, 3, ("class",))
    assert [axis.name(i) for i in (0, 1, 6)] == ["class token", "patch in row 1, column 1", "patch in row 2, column 3"]
    assert Axis.text(("a", "cat")).name(1) == "cat"
    assert len(Axis("regions", boxes=np.zeros((5, 4)))) == 5


def test_probabilities_are_softmax() -> None:
    from scipy.special import softmax

    scores = np.float32([1, 3, -2])
    np.testing.assert_allclose(Prediction(("a", "b", "c"), scores).probabilities, softmax(scores.astype(float)))
