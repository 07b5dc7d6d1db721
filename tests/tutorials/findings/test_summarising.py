"""A survey's summary against pandas' quantiles and sorting, over files written here; and what strangers may send."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tutorials.findings import summarising
from tutorials.findings.summarising import BINS, EXTREMES, summary
from tutorials.findings.surveyed import LEVELS, Head, Survey, bundled, meaning_of, unit_of
from vit_attention.gate import LIMITS, GateError

ROOT = Path(__file__).resolve().parents[3]
SAID = {"model": "tiny", "about": "made up", "weights": "abc"}


def table(pictures: int = 300, layers: int = 2, heads: int = 3, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = [f"picture-{n}.png" for n in range(pictures)]
    rows = pd.MultiIndex.from_product([names, range(layers), range(heads)], names=["picture", "layer", "head"])
    found = pd.DataFrame(index=rows).reset_index().astype({"layer": "int16", "head": "int16"})
    found["entropy"] = rng.gamma(2.0, 1.0, len(found)).astype("float32")
    found["pointing"] = rng.integers(0, 2, len(found)).astype("float32")
    found.loc[rng.random(len(found)) < 0.2, "pointing"] = np.nan
    return found.sample(frac=1, random_state=seed)  # a survey's rows may come in any order


def written(folder: Path, *tables: pd.DataFrame) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"part-{n:06d}.parquet" for n in range(len(tables))]
    for path, one in zip(paths, tables, strict=True):
        one.to_parquet(path, row_group_size=200)
    return paths


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summarising, "ROWS", 97)  # so that heads are cut anywhere


def test_quantiles_means_and_counts_are_those_of_pandas(tmp_path: Path, small_steps: None) -> None:
    whole = table()
    found = summary(written(tmp_path / "heads", whole[:700], whole[700:]), SAID)
    assert (found.model, found.about, found.weights, found.pictures) == ("tiny", "made up", "abc", 300)
    assert found.heads == tuple(Head(layer, head) for layer in range(2) for head in range(3))
    for name in ("entropy", "pointing"):
        groups = whole.groupby(["layer", "head"])[name]
        exact = groups.quantile(list(LEVELS)).unstack().to_numpy()
        step = (groups.max() - groups.min()).to_numpy()[:, None] / BINS
        assert (np.abs(found.measures[name].quantiles - exact) <= step / 2 + 1e-6).all()
        np.testing.assert_allclose(found.measures[name].mean, groups.mean(), rtol=1e-5)
        assert found.measures[name].counts.tolist() == groups.count().tolist()


def test_extreme_pictures_are_those_of_sorting(tmp_path: Path, small_steps: None) -> None:
    whole = table()
    found = summary(written(tmp_path / "heads", whole[:100], whole[100:]), SAID).measures["entropy"]
    for at, (_, one) in enumerate(whole.groupby(["layer", "head"])):
        ordered = one.sort_values("entropy").picture.tolist()
        assert [end.name for end in found.least[at]] == ordered[:EXTREMES]
        assert [end.name for end in found.most[at]] == ordered[::-1][:EXTREMES]
        assert [end.value for end in found.most[at]] == sorted(one.entropy, reverse=True)[:EXTREMES]


def test_a_measure_without_any_value_and_one_that_is_constant(tmp_path: Path) -> None:
    whole = table(5, 1, 2).assign(entropy=np.float32(3), nothing=np.float32(np.nan))
    found = summary(written(tmp_path / "heads", whole), SAID)
    assert found.measures["entropy"].quantiles == pytest.approx(np.full((2, len(LEVELS)), 3.0))
    assert np.isnan(found.measures["nothing"].quantiles).all()
    assert found.measures["nothing"].most == ((), ())


def test_the_summary_survives_json(tmp_path: Path) -> None:
    found = summary(written(tmp_path / "heads", table(20)), SAID)
    again = Survey.of(json.loads(json.dumps(found.plain())))
    np.testing.assert_allclose(again.measures["entropy"].quantiles, found.measures["entropy"].quantiles, rtol=5e-4)
    assert again.measures["pointing"].least == found.measures["pointing"].least
    assert (again.heads, again.pictures) == (found.heads, found.pictures)


def _no_layer(good: pd.DataFrame) -> pd.DataFrame:
    return good.drop(columns="layer")


def _numbers_as_names(good: pd.DataFrame) -> pd.DataFrame:
    return good.assign(picture=1)


def _negative(good: pd.DataFrame) -> pd.DataFrame:
    return good.assign(layer=np.int16(-1))


def _huge_numbers(good: pd.DataFrame) -> pd.DataFrame:
    return good.assign(head=np.int64(1) << 60)


def _no_names(good: pd.DataFrame) -> pd.DataFrame:
    return good.assign(picture=pd.array([None] * len(good), dtype="string"))


def _long_names(good: pd.DataFrame) -> pd.DataFrame:
    return good.assign(picture="x" * 301)


def _many_measures(good: pd.DataFrame) -> pd.DataFrame:
    return good.assign(**{f"m{n}": np.float32(n) for n in range(17)})


@pytest.mark.parametrize(
    "spoil", [_no_layer, _numbers_as_names, _negative, _huge_numbers, _no_names, _long_names, _many_measures]
)
def test_other_tables_are_refused(tmp_path: Path, spoil: Any) -> None:
    with pytest.raises(GateError):
        summary(written(tmp_path / "heads", spoil(table(10))), SAID)


@pytest.mark.parametrize("kind", ["category", "string", object])
def test_names_may_be_stored_in_any_way(tmp_path: Path, kind: Any) -> None:
    whole = table(10)
    found = summary(written(tmp_path / "heads", whole.assign(picture=whole.picture.astype(kind))), SAID)
    assert found.measures["entropy"].names <= {*whole.picture}


def test_what_is_wrong_with_the_columns_is_said_with_their_types(tmp_path: Path) -> None:
    with pytest.raises(GateError, match=r"got picture \((large_)?string\), layer \(double\), head \(int16\)"):
        summary(written(tmp_path / "heads", table(10).assign(layer=0.5)), SAID)


@pytest.mark.parametrize("large", [np.inf, -np.inf, 1.7e308, -1.7e308, 3e38])
def test_numbers_beyond_all_measure_count_for_none(tmp_path: Path, large: float) -> None:
    whole = table(10).astype({"entropy": "float64"}).sort_values(["layer", "head", "picture"])
    spoiled = whole.assign(entropy=whole.entropy.where(whole.picture != "picture-3.png", large))
    kept = summary(written(tmp_path / "kept", whole[whole.picture != "picture-3.png"]), SAID).measures["entropy"]
    found = summary(written(tmp_path / "spoiled", spoiled), SAID).measures["entropy"]
    np.testing.assert_array_equal(found.quantiles, kept.quantiles)
    assert (found.counts.tolist(), found.most) == (kept.counts.tolist(), kept.most)


def test_a_picture_that_is_there_twice_is_named_once(tmp_path: Path) -> None:
    whole = table(10)
    once = summary(written(tmp_path / "once", whole), SAID).measures["entropy"]
    found = summary(written(tmp_path / "twice", whole, whole, whole), SAID).measures["entropy"]
    assert (found.most, found.least) == (once.most, once.least)


def test_too_many_rows_and_heads_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = written(tmp_path / "heads", table(10))
    for name in ("survey rows", "survey numbers"):
        with monkeypatch.context() as patch:
            patch.setitem(LIMITS, name, type(LIMITS[name])(5, "things", ""))
            with pytest.raises(GateError, match="at most 5 things"):
                summary(files, SAID)


def test_damaged_files_and_none_are_refused(tmp_path: Path) -> None:
    good = written(tmp_path / "heads", table(10))[0]
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(good.read_bytes()[:-100])
    for files in ([cut], []):
        with pytest.raises(GateError):
            summary(files, SAID)
    other = tmp_path / "other.parquet"
    table(10).rename(columns={"entropy": "other"}).to_parquet(other)
    with pytest.raises(GateError, match="same measures"):
        summary([good, other], SAID)


def alone(folder: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tutorials.findings.summarising", str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=100,
    )
    return json.loads(done.stdout)


def test_as_a_program_it_writes_the_same_or_says_why_not(tmp_path: Path) -> None:
    files = written(tmp_path / "heads", table(10))
    assert alone(tmp_path / "heads") == json.loads(json.dumps(summary(files, {}).plain()))
    files[0].write_bytes(b"PAR1 but nothing else PAR1")
    assert "cannot be read" in alone(tmp_path / "heads")["refused"]


def test_a_small_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    rows = 60_000  # names of 30,000 letters: 1.8 GB
    names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["y" * 30_000]))
    numbers = {name: np.zeros(rows, np.int16) for name in ("layer", "head")}
    bomb = pa.table({"picture": names, **numbers, "entropy": np.zeros(rows)})
    parquet.write_table(bomb, tmp_path / "bomb.parquet", compression="zstd", store_schema=False)
    assert (tmp_path / "bomb.parquet").stat().st_size < 10_000
    assert "memory" in alone(tmp_path)["refused"]


def test_bundled_surveys_say_what_they_measured() -> None:
    for name, one in bundled().items():
        assert one.model == name
        assert len(one.heads) == {"scene-vit": 12 * 12, "photo-dino": 12 * 6}[name]
        for measure, found in one.measures.items():
            assert unit_of(measure)
            assert meaning_of(measure)
            known = found.quantiles[np.isfinite(found.quantiles).all(axis=1)]
            assert (np.diff(known, axis=1) >= 0).all()
            assert (found.counts <= one.pictures).all()
    from tutorials.findings.surveyed import FILE

    assert not FILE.exists() or FILE.stat().st_size < 2_000_000
