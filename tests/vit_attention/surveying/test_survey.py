"""A survey: the numbers of the pages in Parquet files, whatever stops it on the way."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

import vit_attention as va
from visualizer import covered, effective_share, gini, heads_on_mask, iou, mass_in_mask, methods, pointing_hit
from vit_attention.gate import GateError
from vit_attention.records import writing
from vit_attention.surveying.folder import Folder
from vit_attention.surveying.plan import MEASURES

from .conftest import noise

DOCUMENTED = Path(__file__).parents[3] / "docs" / "how-to" / "survey.md"


def heads(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "heads").sort_values(["picture", "layer", "head"], ignore_index=True)


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a survey but the seconds that it took."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "parts"
    }


def test_numbers_are_those_of_the_table_of_records(model: Any, photos: Path, tmp_path: Path) -> None:
    found = va.survey(model, photos, tmp_path / "out", measures=MEASURES, batch=5, shard_size=7)
    assert (found.pictures, found.shards, found.done, found.failed) == (12, 2, 2, ())
    table = heads(tmp_path / "out")
    pictures = [str(photos / f"{n:02d}.png") for n in range(12)]
    wanted = model.attend_many(pictures).table(
        ["entropy", "relative entropy", "distance", "special share", "peak", "self share"]
    )
    assert list(table.picture) == list(wanted.picture)
    for name in wanted.columns[1:]:
        assert np.allclose(table[name], wanted[name], rtol=1e-5, atol=1e-6), name
    assert table.pointing.isna().all()
    assert table.inside.isna().all()


def test_measures_by_hand() -> None:
    """Brute force from the weights of one record."""
    model = va.load("scene-vit")
    record = model.attend("scene-3")
    weights = np.stack([one.astype(np.float64) for one in record.layers])
    special = weights[..., 0].mean(axis=-1)
    entropy = -(weights * np.log2(np.maximum(weights, 1e-300))).sum(axis=-1).mean(axis=-1)
    from vit_attention.surveying.measuring import measured, prepared
    from vit_attention.surveying.plan import plan
    from vit_attention.surveying.sources import source_of

    chosen = plan(["entropy", "special", "pointing", "inside"])
    asked, _ = chosen.asked(model)
    ready = [prepared(model, one, {}) for one in source_of("scene-2..3").items(0)]
    rows = measured(model, ready, chosen, asked)
    assert np.allclose(rows.values["entropy"][1], entropy.ravel(), atol=1e-4)
    assert np.allclose(rows.values["special share"][1], special.ravel(), atol=1e-5)
    from worlds.scenes import scene

    mask = scene(3).mask
    shares, _ = heads_on_mask(record, mask)
    assert np.allclose(rows.values["inside"][1], shares.ravel(), atol=1e-5)
    cover = covered(mask, (14, 14), record.geometry).ravel()
    hits = [cover[one[0, 1:].argmax()] > 0.1 for layer in weights for one in layer]
    assert rows.values["pointing"][1].tolist() == hits


def test_scores_of_a_method_are_those_of_its_map(tmp_path: Path) -> None:
    model = va.load("scene-vit")
    va.survey(model, "scene-5..6", tmp_path / "out", measures=[], methods=["rollout", "relevance"], target="star")
    table = pd.read_parquet(tmp_path / "out" / "methods")
    assert list(zip(table.picture, table.method, strict=True)) == [
        (f"scene-{n}", way) for n in (5, 6) for way in ("rollout", "relevance")
    ]
    from worlds.scenes import scene

    record = model.attend("scene-6", keep=methods()["relevance"].needs, target="star")
    values = methods()["relevance"](record).values
    cover = covered(scene(6).mask, (14, 14), record.geometry)
    row = table.iloc[3]
    assert row.target == "star"
    wanted = [gini(values), effective_share(values), pointing_hit(values, cover), mass_in_mask(values, cover)]
    assert np.allclose(row[["gini", "effective_share", "pointing", "inside"]].astype(float), wanted, atol=1e-4)
    assert row.iou == pytest.approx(float(iou(values, cover)), abs=0.05)
    assert not (tmp_path / "out" / "heads").exists()


def test_the_schema_is_the_documented_one(model: Any, photos: Path, tmp_path: Path) -> None:
    va.survey(model, photos, tmp_path / "out", methods=["rollout"])
    kinds = {name: str(kind) for name, kind in heads(tmp_path / "out").dtypes.items()}
    assert list(kinds.items())[1:] == [
        ("layer", "int16"),
        ("head", "int16"),
        ("entropy", "float32"),
        ("distance", "float32"),
        ("special_share", "float32"),
    ]
    schema = pyarrow.parquet.read_schema(next((tmp_path / "out" / "methods").glob("*.parquet")))
    names = ["picture", "method", "target", "gini", "effective_share", "pointing", "inside", "iou"]
    assert [(one.name, str(one.type)) for one in schema] == [
        (name, "string" if n < 3 else "float") for n, name in enumerate(names)
    ]


def test_another_library_opens_the_tables_by_the_line_of_the_documentation(
    model: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb = pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    va.survey(model, photos, "survey", methods=["rollout"], shard_size=5)
    (line,) = re.findall(r"```sql\n(.*?)\n```", DOCUMENTED.read_text(encoding="utf-8"), re.DOTALL)
    wanted = heads(Path("survey")).groupby(["layer", "head"]).entropy.mean()
    found = {(layer, head): value for layer, head, value in duckdb.sql(line).fetchall()}
    assert found == pytest.approx(wanted.to_dict(), rel=1e-6)
    kinds = {"string": "VARCHAR", "int16": "SMALLINT", "float32": "FLOAT"}
    rows = re.findall(r"^\| (`.*?`) \| (string|int16|float32) \|", DOCUMENTED.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {name: kinds[kind] for names, kind in rows for name in re.findall(r"`(\w+)`", names)}
    for table in ("heads", "methods"):
        opened = duckdb.sql(f"FROM 'survey/{table}/*.parquet'")
        assert dict(zip(opened.columns, map(str, opened.types), strict=True)).items() <= documented.items()


@pytest.mark.parametrize("stop", [0, 1, 2, 3])
def test_a_run_that_stops_at_a_boundary_goes_on_there(
    model: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    whole = tmp_path / "whole"
    va.survey(model, photos, whole, shard_size=4)
    keep, done = Folder.keep, []

    def counted(self: Folder, number: int, *more: Any) -> None:
        if len(done) == stop:
            raise KeyboardInterrupt
        keep(self, number, *more)
        done.append(number)

    monkeypatch.setattr(Folder, "keep", counted)
    if stop < 3:
        with pytest.raises(KeyboardInterrupt):
            va.survey(model, photos, tmp_path / "out", shard_size=4)
        assert done == [*range(stop)]
    stop = 10
    va.survey(model, photos, tmp_path / "out", shard_size=4)
    assert done == [0, 1, 2]
    assert files(tmp_path / "out") == files(whole)


def test_a_process_that_is_killed_loses_the_shard_in_hand_alone(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(300):
        noise(n).save(folder / f"{n:03d}.png")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "vit_attention", "survey", str(folder), "--model", name, "--out", str(out)]
    command += ["--shard-size", "3", "--batch", "2", "--extremes", "0"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parts = out / "parts"
    while child.poll() is None and (not parts.exists() or len([*parts.iterdir()]) < 5):
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = {path: path.stat().st_mtime_ns for path in parts.iterdir()}
    assert 5 <= len(before) < 100
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]
    found = va.survey(va.load(name), folder, out, shard_size=3, batch=2, extremes=0)
    assert (found.pictures, found.done) == (300, 100)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    table = heads(out)
    assert len(table) == 300 * 8
    assert not table.duplicated(["picture", "layer", "head"]).any()


def test_parts_of_a_survey_lie_side_by_side(model: Any, photos: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    va.survey(model, photos, whole, shard_size=3)
    found = [va.survey(model, photos, tmp_path / "out", shard_size=3, shard=f"{n}/3") for n in (2, 3, 1)]
    assert [one.done for one in found] == [1, 2, 4]
    assert files(tmp_path / "out") == files(whole)


def test_damaged_pictures_are_listed_and_the_others_go_on(model: Any, tmp_path: Path) -> None:
    folder = tmp_path / "hundred"
    folder.mkdir()
    for n in range(100):
        noise(n).save(folder / f"{n:02d}.png")
    bad = [f"{n:02d}.png" for n in range(5, 100, 10)]
    for name in bad:
        (folder / name).write_bytes((folder / name).read_bytes()[:300])
    found = va.survey(model, folder, tmp_path / "out", shard_size=32)
    assert [Path(name).name for name, _ in found.failed] == bad
    assert all("want" in reason for _, reason in found.failed)
    assert found.pictures == 90
    assert heads(tmp_path / "out").picture.nunique() == 90


def test_a_full_disk_leaves_what_is_whole(
    model: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = writing._write

    def full(path: Path, fill: Any) -> None:
        if path.name == "part-0000002.parquet":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, fill)

    monkeypatch.setattr(writing, "_write", full)
    with pytest.raises(GateError, match=r"part-0000002\.parquet: want room on the disk, got a full disk or quota"):
        va.survey(model, photos, tmp_path / "out", shard_size=3)
    assert sorted(path.stem for path in (tmp_path / "out" / "heads").iterdir()) == ["part-0000000", "part-0000001"]
    monkeypatch.undo()
    assert va.survey(model, photos, tmp_path / "out", shard_size=3).pictures == 12


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=32k", "none", str(place)]
    if mount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this machine mounts no disk for a test; the test before this one stands in a full one")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_full_indeed(model: Any, photos: Path, small_disk: Path) -> None:
    with pytest.raises(GateError, match="want room on the disk, got a full disk or quota"):
        va.survey(model, photos, small_disk / "out", shard_size=2, extremes=0)
    done = sorted(path.stem for path in (small_disk / "out" / "parts").iterdir())
    assert done == [f"part-{n:07d}" for n in range(len(done))]
    assert 0 < len(done) < 6
    for name in done:
        assert pyarrow.parquet.read_table(small_disk / "out" / "heads" / f"{name}.parquet").num_rows == 2 * 8
    assert not [path for path in small_disk.rglob("*") if path.name.startswith(".")]
    subprocess.run(["mount", "-o", "remount,size=1m", str(small_disk)], check=True)
    assert va.survey(model, photos, small_disk / "out", shard_size=2, extremes=0).pictures == 12


def test_another_survey_in_the_same_folder_is_refused(model: Any, photos: Path, tmp_path: Path) -> None:
    va.survey(model, photos, tmp_path / "out")
    for other, field in (
        ({"measures": ["entropy"]}, "measures"),
        ({"first": 3}, "source"),
        ({"size": 32}, "size"),
        ({"shard_size": 7}, "shard_size 64, got 7"),
    ):
        with pytest.raises(GateError, match=rf"out: want {field}.*ask for the same {field.split()[0]} as before"):
            va.survey(model, photos, tmp_path / "out", **other)  # type: ignore[arg-type]
    with pytest.raises(GateError, match="photos: want a new or empty folder, or one of a survey"):
        va.survey(model, photos, photos)


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"measures": ["entropie"]}, "measures: want one of entropy"),
        ({"methods": ["rolout"]}, "methods: want one of"),
        ({"measures": []}, "measures: want some of"),
        ({"shard": "3/2"}, "shard: want i/n"),
        ({"shard_size": 0}, "shard_size"),
        ({"engine": "spark"}, "engine: want one of local, ray"),
        ({"size": 7}, "size: want at least one patch"),
        ({"methods": ["likeness"]}, "got likeness, which asks about a patch"),
        ({"methods": ["value"]}, "methods: want methods that hf:.* can be asked for, got value"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_anything_is_written(
    model: Any, photos: Path, tmp_path: Path, asked: dict[str, Any], match: str
) -> None:
    with pytest.raises(GateError, match=match):
        va.survey(model, photos, tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["[]", "nothing", "[" * 100_000, "7"])
def test_a_manifest_that_is_none_is_refused(model: Any, photos: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text(text)
    with pytest.raises(GateError, match=r"out: want format|want the manifest of a survey"):
        va.survey(model, photos, tmp_path / "out")


@pytest.mark.parametrize("text", ["", "[]", '{"pictures": "many", "failed": []}', '{"pictures": 4, "failed": [3]}'])
@pytest.mark.parametrize("file", ["parts/part-0000000.json", "extremes/index.json", "heads/part-0000000.parquet"])
def test_a_damaged_file_of_a_survey_is_mended_by_what_the_message_advises(
    model: Any, photos: Path, tmp_path: Path, file: str, text: str
) -> None:
    out = tmp_path / "out"
    va.survey(model, photos, out)
    whole = files(out)
    (out / file).write_text(text)
    if file.startswith("heads"):
        (out / "extremes" / "index.json").unlink()
    with pytest.raises(GateError, match=r"Delete .*; the same command then") as refused:
        va.survey(model, photos, out)
    Path(refused.value.advice.removeprefix("Delete ").partition(";")[0]).unlink()
    assert va.survey(model, photos, out).pictures == 12
    assert files(out) == whole


@pytest.mark.parametrize("table", ["heads", "methods"])
def test_a_shard_whose_table_was_taken_away_is_measured_again(
    model: Any, photos: Path, tmp_path: Path, table: str
) -> None:
    out, asked = tmp_path / "out", {"measures": ["entropy"], "methods": ["rollout"], "shard_size": 6}
    va.survey(model, photos, out, **asked)
    whole = files(out)
    (out / table / "part-0000001.parquet").unlink()
    assert va.survey(model, photos, out, **asked).done == 2
    assert files(out) == whole


def test_a_cluster_is_refused_where_this_process_works(model: Any, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(GateError, match=r"engine: want ray beside cluster= or weights=, got local"):
        va.survey(model, photos, tmp_path / "out", cluster=object())
    assert not (tmp_path / "out").exists()


def test_parts_that_begin_at_the_same_moment_both_go_on(
    model: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists, out = Path.exists, tmp_path / "out"

    def meanwhile(self: Path, **how: Any) -> bool:
        there = exists(self, **how)
        if self == out / "manifest.json" and not there:
            monkeypatch.undo()
            va.survey(model, photos, out, shard_size=6, shard="2/2")
        return there

    monkeypatch.setattr(Path, "exists", meanwhile)
    assert va.survey(model, photos, out, shard_size=6, shard="1/2").done == 2


def test_a_survey_that_cannot_be_run_leaves_the_folder_to_another(
    model: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from visualizer.method.base import Method

    monkeypatch.setattr(Method, "unfit", lambda *_: "does not fit")
    with pytest.raises(GateError, match="methods: want methods for"):
        va.survey(model, photos, tmp_path / "out", methods=["rollout"])
    assert not (tmp_path / "out").exists()
    va.survey(model, photos, tmp_path / "out")


def test_an_extreme_picture_that_is_gone_by_then_is_left_out(model: Any, photos: Path, tmp_path: Path) -> None:
    va.survey(model, photos, tmp_path / "out", extremes=0)
    for n in range(1, 12):
        (photos / f"{n:02d}.png").write_bytes(b"no picture any more")
    va.survey(model, photos, tmp_path / "out", extremes=4)
    index = json.loads((tmp_path / "out" / "extremes" / "index.json").read_text())
    assert {*index["pictures"]} <= {str(photos / "00.png")}
    assert len(index["measures"]["entropy"][0]["largest"]) == 4


def test_a_method_that_the_model_cannot_have_ends_the_survey(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="photo-dino"):
        va.survey("photo-dino", "coffee", tmp_path / "out", measures=[], methods=["relevance"])


def test_extreme_pictures_are_those_with_the_largest_and_smallest_numbers(
    model: Any, photos: Path, tmp_path: Path
) -> None:
    va.survey(model, photos, tmp_path / "out", shard_size=5, extremes=2)
    index = json.loads((tmp_path / "out" / "extremes" / "index.json").read_text())
    table = heads(tmp_path / "out")
    for name, column in (("entropy", "entropy"), ("special share", "special_share")):
        for one in index["measures"][name]:
            of_head = table[(table.layer == one["layer"]) & (table["head"] == one["head"])].sort_values(column)
            assert [row["picture"] for row in one["smallest"]] == list(of_head.picture[:2])
            assert [row["picture"] for row in one["largest"]] == list(of_head.picture[::-1][:2])
    assert len(index["measures"]["distance"]) == 8
    named = {
        row["picture"]
        for rows in index["measures"].values()
        for one in rows
        for row in (*one["largest"], *one["smallest"])
    }
    assert named == set(index["pictures"])
    assert {path.name for path in (tmp_path / "out" / "extremes").glob("*.jpg")} == set(index["pictures"].values())


def test_memory_does_not_grow_with_the_number_of_pictures(model: Any, tmp_path: Path) -> None:
    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000

    pictures = [noise(n, 32) for n in range(10)]
    va.survey(model, pictures * 10, tmp_path / "few", shard_size=50, extremes=0)
    before = peak()
    found = va.survey(model, pictures * 100, tmp_path / "many", shard_size=50, extremes=0)
    assert found.pictures == 1000
    assert peak() - before < 20
