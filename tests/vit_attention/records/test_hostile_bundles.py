"""What passes the gate of bundles draws, and what does not is one sentence; nothing takes more memory than it draws."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from PIL import Image

from tests.vit_attention.records.bundles import KINDS, classifier, draw, pack, patches, png, sentence
from tests.vit_attention.records.mutants import ODD
from visualizer.method import methods
from vit_attention.gate import LIMITS, Limit
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Geometry, Prediction, encode_picture
from vit_attention.records.bundle import BundleError

ROOT = Path(__file__).resolve().parents[3]
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


def test_sound_bundles_open_and_draw(tmp_path: Path) -> None:
    for name, make in KINDS.items():
        (tmp_path / f"{name}.npz").write_bytes(pack(*make()))
        record = AttentionRecord.load(tmp_path / f"{name}.npz")
        assert record.loaded
        assert draw(record) > 3, name


@st.composite
def records(draw: st.DrawFn) -> AttentionRecord:
    """Any record of patches that look at patches: its shapes, numbers, names and settings."""
    rows, columns, heads = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    axis = Axis.patches(rows, columns, draw(st.lists(NAMES, max_size=2)))
    raw = draw(arrays_of.arrays(np.float64, (2, heads, len(axis), len(axis)), elements=st.floats(0.01, 1)))
    kind = draw(st.sampled_from([np.float32, np.float16]))
    weights = (raw / raw.sum(axis=-1, keepdims=True)).astype(kind)
    slopes = draw(arrays_of.arrays(np.float32, weights.shape, elements=st.floats(-9, 9, width=32)))
    labels = tuple(draw(st.lists(NAMES, min_size=1, max_size=3)))
    maps = tuple(
        AttentionMap(one, draw(NAMES), n, "self", axis, axis, draw(st.none() | st.floats(0, 1)), gradient=slope)
        for n, (one, slope) in enumerate(zip(weights, slopes, strict=True))
    )
    plain = st.dictionaries(NAMES.map("x".__add__), st.none() | st.booleans() | st.floats(-1, 1) | NAMES, max_size=3)
    return AttentionRecord(
        maps,
        Geometry.of(48, 36).resize(24, 18),
        Prediction(
            labels, draw(arrays_of.arrays(np.float32, len(labels), elements=st.floats(-9, 9, width=32))), target=0
        ),
        encode_picture(Image.new("RGB", (48, 36), (9, 99, 200))),
        np.ones((2, len(axis)), np.float32),
        draw(NAMES.filter(str.isprintable)),
        "0" * 16,
        draw(plain),
        {"numpy": "2"},
        {"hidden": np.ones((3, len(axis), 2), np.float32), "keys": (np.ones((1, 2, 3)), np.zeros((2, 1, 3)))},
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=records())
def test_every_record_survives_a_round_trip(record: AttentionRecord, tmp_path: Path) -> None:
    again = AttentionRecord.load(record.save(tmp_path / "one.npz"))
    for mine, theirs in zip(record.maps, again.maps, strict=True):
        np.testing.assert_array_equal(mine.weights, theirs.weights)
        np.testing.assert_array_equal(mine.gradient, theirs.gradient)
        assert mine.to_json() == theirs.to_json()
    for field in ("geometry", "picture", "model", "weights_hash", "settings", "versions"):
        assert getattr(record, field) == getattr(again, field)
    np.testing.assert_array_equal(record.norms, again.norms)
    np.testing.assert_array_equal(record.signals["hidden"], again.signals["hidden"])
    for mine, theirs in zip(record.signals["keys"], again.signals["keys"], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    said, read = record.prediction, again.prediction
    np.testing.assert_array_equal(said.scores, read.scores)
    assert (said.labels, said.target, said.text, said.tokens) == (read.labels, read.target, read.text, read.tokens)
    assert (record.loaded, again.loaded) == (False, True)


def test_changed_bytes_and_fields_are_refused_or_drawn_in_little_memory() -> None:
    """A child process that may take 100 MB more than the libraries do."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.vit_attention.records.mutants", "100", "7", "240"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-1500:]


def refused(tmp_path: Path, data: bytes) -> str:
    (tmp_path / "bad.npz").write_bytes(data)
    with pytest.raises(BundleError) as caught:
        AttentionRecord.load(tmp_path / "bad.npz")
    assert str(caught.value).startswith("bad.npz: ")
    return str(caught.value)


@pytest.mark.parametrize("odd", ODD, ids=lambda one: repr(one)[:12])
@pytest.mark.parametrize("field", ["layer", "query"])
def test_odd_fields_of_a_map_are_named(tmp_path: Path, field: str, odd: Any) -> None:
    manifest, arrays = classifier()
    manifest["signals"], manifest["maps"][1][field] = {}, odd
    if (field, odd) != ("layer", 0) or odd is False:
        said = refused(tmp_path, pack(manifest, arrays))
        assert f"maps.1.{field}" in said or "JSON" in said or "norms" in said


def changed(name: str, change: Any) -> bytes:
    manifest, arrays = classifier()
    return pack(manifest, {**arrays, name: change(arrays[name])})


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("weights_0", lambda a: a[:0], "weights: want (heads, 17, 17), at least one of each, got (0, 17, 17)"),
        ("weights_0", lambda a: np.where(np.arange(17) == 3, np.nan, a), "weights: want whole rows"),
        ("weights_0", lambda a: np.where(np.arange(17)[:, None] == 3, np.float32("nan"), a), "NaN only off a window"),
        ("weights_0", lambda a: a + np.float32([1, -1] + [0] * 15), "weights: want shares of 0 to 1"),
        ("weights_0", lambda a: a * 2, "weights: want rows that sum to 1"),
        ("weights_0", lambda a: a.astype(np.float64), "weights_0: want numbers of kind f2 or f4, got f8"),
        ("weights_0", lambda a: a.astype("U3"), "weights_0: want numbers of kind f2 or f4, got U12"),
        ("norms", lambda a: a[:2], "norms: want (3, 17), a row a layer, got (2, 17)"),
        ("norms", lambda a: -a, "norms: want finite numbers of 0 to inf"),
        ("scores", lambda a: a[None], "scores: want shape (2), got (1, 2)"),
        ("signal_hidden", lambda a: a[:3], "signal 'hidden': want at least 4 rows of 17 tokens"),
        ("signal_occlusion", lambda a: a[:3], "signal 'occlusion': want one number a patch"),
        ("gradient_0", lambda a: a * np.float32("inf"), "gradient: want finite numbers"),
        ("picture", lambda a: a[:2000], "picture: want a whole JPEG or PNG"),
        ("picture", lambda a: png(200, 30), "picture: want the shape of 64 x 64, got 200 x 30"),
    ],
)
def test_odd_arrays_are_told(tmp_path: Path, name: str, change: Any, said: str) -> None:
    def single(array: np.ndarray) -> np.ndarray:
        found = change(array)
        return found.astype(np.float32) if name.startswith("weights") and "want numbers" not in said else found

    assert said in refused(tmp_path, changed(name, single))


@pytest.mark.parametrize("turn", [lambda a: a.astype(">f4"), np.asfortranarray, lambda a: a[:, ::-1][:, ::-1]])
def test_either_order_of_bytes_and_axes_opens_with_the_same_numbers(tmp_path: Path, turn: Any) -> None:
    (tmp_path / "one.npz").write_bytes(changed("weights_0", turn))
    found = AttentionRecord.load(tmp_path / "one.npz").maps[0].weights
    np.testing.assert_array_equal(found, classifier()[1]["weights_0"])
    assert found.dtype.isnative


def peak(path: Path) -> float:
    """MB that opening a file takes in a process of its own, beyond opening a small one."""
    program = (
        "import resource, sys; from vit_attention.records import AttentionRecord\n"
        "def most(path):\n"
        "    try: AttentionRecord.load(path)\n"
        "    except ValueError as error: print(str(error)[:200])\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "first = most(sys.argv[1]); print(most(sys.argv[2]) - first)"
    )
    small = path.with_name("small.npz")
    small.write_bytes(pack(*sentence()))
    done = subprocess.run(
        [sys.executable, "-c", program, small, path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout.splitlines()[-1])


def test_opening_takes_little_more_than_the_arrays(tmp_path: Path) -> None:
    side = 48
    manifest, arrays = classifier()
    axis, tokens = patches(side, side, "class"), side * side + 1
    manifest["maps"] = [{**manifest["maps"][0], "query": axis, "key": axis, "gradient": False}]
    manifest["signals"], manifest["geometry"]["seen"] = {}, [64, 64]
    flat = np.full((8, tokens, tokens), 1 / tokens, np.float16)  # 85 MB that pack to less than 100 kB
    some = {"norms": np.zeros((0, 0), np.float32), "scores": arrays["scores"], "picture": arrays["picture"]}
    (tmp_path / "flat.npz").write_bytes(pack(manifest, {**some, "weights_0": flat}))
    assert (tmp_path / "flat.npz").stat().st_size < 150_000
    assert peak(tmp_path / "flat.npz") < flat.nbytes / 2**20 + 40
    more = np.full((10, tokens, tokens), 1 / tokens, np.float16)  # 106 MB
    (tmp_path / "more.npz").write_bytes(pack(manifest, {**some, "weights_0": more}))
    assert peak(tmp_path / "more.npz") < 20
    assert "times what it is packed to" in refused(tmp_path, (tmp_path / "more.npz").read_bytes())


@pytest.mark.parametrize("field", ["versions", "settings", "maps"])
def test_a_manifest_of_wrong_entries_takes_little(tmp_path: Path, field: str) -> None:
    """Every wrong entry of a list or dictionary has a message of its own in pydantic, unless it is told to stop."""
    manifest, arrays = sentence()
    wrong: dict[str, Any] = {
        "versions": {str(n): 0 for n in range(70_000)},
        "settings": {"notes": [0] * 300_000},
        "maps": [{}] * 250_000,
    }
    (tmp_path / "wrong.npz").write_bytes(pack({**manifest, field: wrong[field]}, arrays))
    assert (tmp_path / "wrong.npz").stat().st_size < 300_000
    assert peak(tmp_path / "wrong.npz") < 100
    assert field in refused(tmp_path, (tmp_path / "wrong.npz").read_bytes())


def test_entries_that_share_bytes_are_refused(tmp_path: Path) -> None:
    """A directory that names one entry many times over unpacks to any size."""
    data = bytearray(pack(*sentence()))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = archive.getinfo("weights_0.npy")
    at = data.rfind(b"weights_0.npy") - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    assert int.from_bytes(data[at + 20 : at + 24], "little") == entry.compress_size
    data[at + 20 : at + 24] = (len(data)).to_bytes(4, "little")
    assert "share bytes" in refused(tmp_path, bytes(data))


def test_a_file_of_a_newer_version_says_so(tmp_path: Path) -> None:
    manifest, arrays = classifier()
    assert "A newer version of this library made it" in refused(tmp_path, pack({**manifest, "version": 2}, arrays))


def test_what_could_not_be_opened_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "one.npz").write_bytes(pack(*sentence()))
    record = AttentionRecord.load(tmp_path / "one.npz")
    record.settings["notes"] = 5  # type: ignore[assignment]
    with pytest.raises(BundleError, match=r"two\.npz: settings\.notes: want"):
        record.save(tmp_path / "two.npz")
    assert [one.name for one in tmp_path.iterdir()] == ["one.npz"]


def test_the_residual_of_a_file_is_the_files_word(tmp_path: Path) -> None:
    from ui.parts.trust import residual
    from vit_attention.cli.show import summary

    (tmp_path / "one.npz").write_bytes(pack(*classifier()))
    record = AttentionRecord.load(tmp_path / "one.npz")
    assert residual(record) == "1.0e-07, stated by the file; not checked here"
    assert residual(record.half()) == residual(record)
    assert summary(record)["residuals"] == "stated by the file, not checked here"


def test_what_is_saved_opens_again_however_well_it_packs(tmp_path: Path) -> None:
    weights = np.zeros((12, 577, 577), np.float32)
    weights[..., 0] = 1  # every token looks at the first alone: packed to a thousandth
    axis = Axis.patches(24, 24, ("class",))
    record = AttentionRecord(tuple(AttentionMap(weights, f"block {n}", n, "self", axis, axis) for n in range(7)))
    file = record.save(tmp_path / "saturated.npz")  # 112 MB
    np.testing.assert_array_equal(AttentionRecord.load(file).maps[6].weights, weights)
    words = Axis.text(["<pad>"] * 8192)
    one = AttentionMap(np.full((1, 1, 8192), 1 / 8192, np.float32), "reader", 0, "cross", words, words, queries=(0,))
    padded = AttentionRecord((one,) * 32)  # 5 MB of names, all the same
    assert len(AttentionRecord.load(padded.save(tmp_path / "padded.npz")).maps[31].key) == 8192


def test_what_is_too_large_to_open_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "bundle", Limit(1000, "bytes unpacked", "a test"))
    weights = np.zeros((1, 257, 257), np.float32)
    weights[..., 0] = 1
    axis = Axis.patches(16, 16, ("class",))
    record = AttentionRecord((AttentionMap(weights, "block", 0, "self", axis, axis),))
    assert AttentionRecord.load(record.save(tmp_path / "one.npz")).maps  # a file as large as what is in it
    monkeypatch.setattr("vit_attention.records.bundle._AS_LARGE", 0)
    with pytest.raises(BundleError, match=r"^two.npz: want at most 1,000 bytes unpacked, got 264,\d+\. Keep fewer"):
        record.save(tmp_path / "two.npz")
    assert [one.name for one in tmp_path.iterdir()] == ["one.npz"]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("signal_naive", lambda a: a[:2], "signal 'naive': want at least 3 layers of 3 labels"),
        ("signal_naive", lambda a: a[:, :2], "signal 'naive': want at least 3 layers of 3 labels"),
        ("signal_naive", lambda a: a[..., :-1], "signal 'naive': want at least 3 layers of 3 labels"),
        ("signal_naive", lambda a: a * 9, "signal 'naive': want finite numbers of -1"),
        ("signal_value-value", lambda a: a * np.nan, "signal 'value-value': want finite numbers"),
        ("signal_value-value", lambda a: a[0], "signal 'value-value': want at least 3 layers"),
    ],
)
def test_similarities_to_labels_are_checked(tmp_path: Path, name: str, change: Any, said: str) -> None:
    assert said in refused(tmp_path, changed(name, change))


def test_labels_are_those_of_the_prediction(tmp_path: Path) -> None:
    manifest, arrays = classifier()
    for labels in (["cat"], ["dog", "cat"], [], ["cat", 5], "cat"):
        manifest["settings"]["labels"] = labels
        assert "labels" in refused(tmp_path, pack(manifest, arrays))


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("signal_masking", lambda a: a[:2], "signal 'masking': want one number a token"),
        ("signal_masking", lambda a: a[None], "signal 'masking': want one number a token"),
        ("signal_head-mean", lambda a: a[:1], "signal 'head-mean': want a matrix of 3 tokens a map"),
        ("signal_head-mean", lambda a: a * 2, "signal 'head-mean': want finite numbers of 0"),
        ("signal_hidden", lambda a: a[:2], "signal 'hidden': want at least 3 rows of 3 tokens"),
        ("signal_hidden", lambda a: a[:, :2], "signal 'hidden': want at least 3 rows of 3 tokens"),
        ("norms", lambda a: a[:1], "norms: want (2, 3), a row a layer"),
    ],
)
def test_signals_of_texts_are_checked(tmp_path: Path, name: str, change: Any, said: str) -> None:
    manifest, arrays = sentence()
    assert said in refused(tmp_path, pack(manifest, {**arrays, name: change(arrays[name])}))


@pytest.mark.parametrize("odd", [np.ones(3), np.ones((17, 4)), np.ones((2, 2, 2, 3))], ids=lambda a: str(a.shape))
@pytest.mark.parametrize("name", sorted(name for name, one in methods().items() if one.reads_run))
def test_what_a_run_left_has_its_shape(tmp_path: Path, name: str, odd: np.ndarray) -> None:
    manifest, arrays = classifier()
    manifest["signals"][name] = None
    whole = pack(manifest, {**arrays, f"signal_{name}": odd})
    assert f"signal '{name}': want" in refused(tmp_path, whole)
