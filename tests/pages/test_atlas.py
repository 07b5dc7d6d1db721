"""Page "Head atlas" in the states a reader can bring it to."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.pages.reading import figures, fine
from tests.tutorials.findings.test_summarising import table, written
from tutorials.findings.summarising import summary
from tutorials.findings.surveyed import MEDIAN, Head, bundled
from ui.explore import atlas
from ui.store import surveys
from vit_attention.gate import GateError


@pytest.fixture
def packed(tmp_path: Path) -> bytes:
    """A small survey as a visitor brings it: two layers of three heads over 12 pictures."""
    whole = table(12).replace({"picture-0.png": "scene-7"})
    written(tmp_path / "heads", whole)
    picture = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(picture, "JPEG")
    index = {"pictures": dict.fromkeys(whole.picture.unique(), "0-1.jpg")}
    manifest = {"model": "scene-vit", "source": {"text": "<b>photos</b>"}, "weights_hash": "abc"}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.write(tmp_path / "heads" / "part-000000.parquet", "mine/heads/part-000000.parquet")
        archive.writestr("mine/manifest.json", json.dumps(manifest))
        archive.writestr("mine/extremes/index.json", json.dumps(index))
        archive.writestr("mine/extremes/0-1.jpg", picture.getvalue())
    return out.getvalue()


def drawn(page: Any, key: str = "atlas_heads") -> dict[str, Any]:
    return figures(page)[key]


@pytest.mark.parametrize("survey", bundled())
def test_every_bundled_survey_opens_in_every_measure(app, survey: str) -> None:
    for measure in bundled()[survey].measures:
        page = fine(app("atlas", survey=survey, measure=measure))
        assert f"{bundled()[survey].pictures:,} pictures" in drawn(page)["layout"]["title"]["text"].replace("<br>", " ")
        assert {"atlas_heads", "atlas_pictures"} <= {*figures(page)}


def test_sorting_and_filtering_choose_the_columns(app) -> None:
    found = bundled()["scene-vit"].measures["entropy"]
    page = fine(app("atlas", survey="scene-vit", measure="entropy", sort="median"))
    median = next(trace for trace in drawn(page)["data"] if trace["name"] == "median")["y"]
    assert len(_numbers(median)) == 144
    np.testing.assert_allclose(_numbers(median), np.sort(found.quantiles[:, MEDIAN]), rtol=1e-5)
    page = fine(app("atlas", survey="scene-vit", layers="3-4", sort="layer"))
    marks = next(trace for trace in drawn(page)["data"] if trace["name"] == "choose")
    assert {layer for layer, _ in marks["customdata"]} == {2, 3}


def _numbers(given: Any) -> Any:
    from tests.pages.reading import array

    return array(given) if isinstance(given, dict) else np.array(given, np.float64)


def test_order_and_spans_by_hand() -> None:
    survey = bundled()["scene-vit"]
    numbers = survey.measures["entropy"].quantiles
    spread = numbers[:, 5] - numbers[:, 1]
    by_spread = atlas.placed(survey, "entropy", "spread", (1, 12), None)
    assert list(by_spread) == sorted(range(144), key=lambda at: (spread[at], at))
    low = float(np.sort(numbers[:, MEDIAN])[10])
    few = atlas.placed(survey, "entropy", "median", (1, 12), (0.0, low))
    assert sorted(few) == [at for at in range(144) if numbers[at, MEDIAN] <= low]
    assert [survey.heads[at].layer for at in atlas.placed(survey, "entropy", "layer", (5, 5), None)] == [4] * 12


def test_two_models_stand_side_by_side_on_one_scale(app) -> None:
    page = fine(app("atlas", survey="scene-vit", beside="photo-dino"))
    left, right = drawn(page), drawn(page, "atlas_beside")
    assert left["layout"]["yaxis"]["range"] == right["layout"]["yaxis"]["range"]
    assert "photo-dino" in right["layout"]["title"]["text"]


def test_the_link_leads_to_heads_with_that_picture_layer_and_head(app) -> None:
    page = fine(app("atlas", survey="scene-vit", measure="entropy", layer="5", head="3", atlas_picture="least 5"))
    name = bundled()["scene-vit"].measures["entropy"].least[bundled()["scene-vit"].place(4, 2)][0].name
    link = next(one.proto for one in page.get("page_link") if one.proto.label.startswith("Open"))
    assert link.page == "heads"
    for part in ("model=scene-vit", f"picture={name}", "layer=5", "head=3"):
        assert part in link.query_string


@pytest.mark.parametrize(
    "asked",
    [
        {"survey": "nope"},
        {"survey": "own survey"},
        {"beside": "nope"},
        {"measure": "beauty"},
        {"sort": "taste"},
        {"layers": "9-2"},
        {"median": "0-99"},
        {"atlas_picture": "most 99"},
    ],
)
def test_a_wrong_parameter_is_a_sentence(app, asked: dict[str, str]) -> None:
    page = fine(app("atlas", **asked))
    assert page.warning
    assert "atlas_heads" in figures(page)


def test_no_head_left_is_a_sentence(app) -> None:
    page = fine(app("atlas", survey="scene-vit", layers="1-1", median="19-20", measure="special_share"))
    assert "atlas_heads" in figures(page) or any("widen" in one.value for one in page.info)


@pytest.mark.parametrize("panel", ["words", "trust", "code", "files"])
def test_every_panel(app, panel: str) -> None:
    fine(app("atlas", panel=panel, beside="photo-dino"))


def test_the_file_holds_every_column_that_is_shown() -> None:
    survey = bundled()["scene-vit"]
    shown = atlas.Shown("scene-vit", survey, "entropy", atlas.placed(survey, "entropy", "median", (2, 3), None))
    rows = list(csv.DictReader(io.StringIO(atlas.atlas_csv(shown).decode())))
    assert len(rows) == 24
    assert {row["layer"] for row in rows} == {"2", "3"}
    first = survey.heads[shown.heads[0]]
    assert (rows[0]["layer"], rows[0]["head"]) == (str(first.layer + 1), str(first.head + 1))
    assert float(rows[0]["q50"]) == pytest.approx(survey.measures["entropy"].quantiles[shown.heads[0], MEDIAN])


def test_an_own_survey_is_summarised_and_shown(app, packed: bytes, tmp_path: Path) -> None:
    page = fine(app("atlas"))
    page.get("file_uploader")[0].upload("mine.zip", packed, "application/zip")
    fine(page.run())
    assert "12 pictures" in drawn(page)["layout"]["title"]["text"].replace("<br>", " ")
    assert any("\\<b\\>photos" in one.value or "&lt;b" in one.value for one in page.caption)
    opened = surveys.from_zip(packed)
    same = summary([tmp_path / "heads" / "part-000000.parquet"], {})
    assert opened.survey.heads == same.heads == tuple(Head(layer, head) for layer in range(2) for head in range(3))
    assert opened.survey.measures["entropy"].names == same.measures["entropy"].names
    assert opened.survey.model == "scene-vit"
    assert set(opened.pictures) <= {f"picture-{n}.png" for n in range(12)} | {"scene-7"}


def test_a_folder_of_the_server_is_on_offer(
    app, packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(tmp_path / "there")
    monkeypatch.setenv(surveys.FOLDERS, str(tmp_path / "there" / "mine"))
    surveys.folders.cache_clear()
    try:
        page = fine(app("atlas", survey="mine"))
        assert "12 pictures" in drawn(page)["layout"]["title"]["text"].replace("<br>", " ")
    finally:
        surveys.folders.cache_clear()


def changed(
    packed: bytes, more: dict[str, bytes] | None = None, drop: tuple[str, ...] = ()
) -> tuple[bytes, surveys.Opened]:
    """The packed survey with other files in it, in the place of those of the same names, and what is opened of it."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name not in drop}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in {**(more or {}), **files, **(more or {})}.items():  # new ones first
            archive.writestr(name, data)
    return out.getvalue(), surveys.from_zip(out.getvalue())


def parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out)
    return out.getvalue()


def test_an_archive_that_macos_packed_is_opened(packed: bytes) -> None:
    junk = b"\0\5\x16\7 what macOS knows of the file"
    _, opened = changed(packed, {"__MACOSX/mine/heads/._part-000000.parquet": junk, "mine/.DS_Store": b"x"})
    assert (opened.survey.model, opened.survey.pictures) == ("scene-vit", 12)


def test_an_archive_may_hold_a_picture_for_each_head_and_measure(packed: bytes) -> None:
    _, opened = changed(packed, {f"mine/extremes/9-{n}.jpg": b"" for n in range(5000)})
    assert opened.survey.pictures == 12


def test_two_surveys_in_one_archive_are_refused(packed: bytes) -> None:
    with pytest.raises(GateError, match=r"want Parquet files in one folder heads, got several: \['mine/', 'other/'\]"):
        changed(packed, {"other/heads/part-0.parquet": parquet(table(3))})


@pytest.mark.parametrize("picture", [b"no picture", b"\xff\xd8" + b"x" * 1_500_000, b""])
def test_extreme_pictures_that_are_none_stay_grey(app, packed: bytes, picture: bytes) -> None:
    data, _ = changed(packed, {"mine/extremes/0-1.jpg": picture})
    page = fine(app("atlas"))
    page.get("file_uploader")[0].upload("mine.zip", data, "application/zip")
    page = fine(page.run())
    assert not page.error
    assert "atlas_pictures" in figures(page)


@pytest.mark.parametrize("name", ["manifest.json", "extremes/index.json"])
def test_a_damaged_description_is_named(packed: bytes, name: str) -> None:
    with pytest.raises(GateError, match=f"survey: {name}: want JSON"):
        changed(packed, {f"mine/{name}": b"nothing"})


def test_a_survey_without_a_manifest_has_no_name(packed: bytes) -> None:
    assert changed(packed, drop=("mine/manifest.json",))[1].survey.model == surveys.NAMELESS


def brought(app: Any, data: bytes, **asked: str) -> Any:
    page = fine(app("atlas", **asked))
    page.get("file_uploader")[0].upload("mine.zip", data, "application/zip")
    return fine(page.run())


def test_two_surveys_that_share_everything_but_their_numbers_are_two_figures(app, packed: bytes) -> None:
    """Figures are kept for all sessions: a model's name and a number of pictures tell no survey from another."""
    whole = table(12).sort_values(["layer", "head", "picture"], ignore_index=True)
    widest = (whole.layer == 0) & (whole["head"] == 0)
    both = [whole.assign(entropy=np.where(widest, whole.index, other).astype("float32")) for other in (3, 4)]
    drawn_of = [
        drawn(brought(app, changed(packed, {"mine/heads/part-000000.parquet": parquet(one)})[0]))["data"]
        for one in both
    ]
    first, second = (next(one for one in data if one["name"] == "median")["y"] for data in drawn_of)
    assert not np.allclose(_numbers(first), _numbers(second))


@pytest.mark.parametrize("layers", [1, 3, 40])
def test_every_layer_of_a_survey_is_shown_whatever_was_looked_at_before(app, packed: bytes, layers: int) -> None:
    data, _ = changed(packed, {"mine/heads/part-000000.parquet": parquet(table(3, layers, 2))})
    title = drawn(brought(app, data))["layout"]["title"]["text"].replace("<br>", " ")
    assert title == f"scene-vit: {2 * layers} heads, 3 pictures"


def test_a_single_head_and_picture_are_called_so(app, packed: bytes) -> None:
    data, _ = changed(packed, {"mine/heads/part-000000.parquet": parquet(table(1, 1, 1))})
    page = brought(app, data)
    assert drawn(page)["layout"]["title"]["text"].replace("<br>", " ") == "scene-vit: 1 head, 1 picture"


def test_surveys_without_a_common_measure_leave_the_first_one_alone(app, packed: bytes) -> None:
    other = table(3).rename(columns={"entropy": "beauty", "pointing": "<b>taste</b>"})
    data, _ = changed(packed, {"mine/heads/part-000000.parquet": parquet(other)})
    page = brought(app, data, survey="photo-dino", beside="scene-vit")
    assert any("left out" in one.value for one in page.info)
    assert "atlas_heads" in figures(page)
    assert "atlas_beside" not in figures(page)


def test_files_of_two_surveys_of_one_model_are_both_there(app, packed: bytes) -> None:
    page = brought(app, packed, survey="photo-dino", beside="scene-vit", panel="files")
    labels = [one.proto.label for one in page.get("download_button")]
    assert {"scene-vit, left (CSV)", "scene-vit, right (CSV)"} <= {*labels}


def test_folders_of_one_name_are_all_on_offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = [tmp_path / "a" / "survey", tmp_path / "b" / "survey", tmp_path / "scene-vit", tmp_path / "c"]
    for one in there:
        one.mkdir(parents=True)
    monkeypatch.setenv(surveys.FOLDERS, ":".join(map(str, [*there, tmp_path / "none"])))
    surveys.folders.cache_clear()
    try:
        assert [*surveys.folders()] == [*map(str, there[:3]), "c"]
    finally:
        surveys.folders.cache_clear()


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


def test_tables_without_a_measure_are_refused() -> None:
    out = io.BytesIO()
    row = {"picture": ["scene-1"], "layer": np.zeros(1, np.int16), "head": np.zeros(1, np.int16)}
    pd.DataFrame(row).to_parquet(out)
    with pytest.raises(
        GateError, match="want tables with a column of numbers beside picture, layer and head, got none"
    ):
        surveys.from_zip(zipped(**{"heads__a.parquet": out.getvalue()}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK but no archive",
        zipped(readme=b"nothing"),
        zipped(**{"heads__a.parquet": b"PAR1"}),
        zipped(**{"heads__a.parquet": b"\0" * 120_000_000}),
        zipped(**{"heads__../../a.parquet": b"PAR1"}),
    ],
    ids=["empty", "no archive", "no tables", "no table", "bomb", "path"],
)
def test_what_is_no_survey_is_refused(data: bytes) -> None:
    with pytest.raises(GateError):
        surveys.from_zip(data)


def test_a_bad_file_is_a_sentence_on_the_page(app) -> None:
    page = fine(app("atlas"))
    page.get("file_uploader")[0].upload("bad.zip", b"PK but no archive", "application/zip")
    fine(page.run())
    assert page.error
    assert "atlas_heads" in figures(page)
