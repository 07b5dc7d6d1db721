"""Pictures of a survey: every kind of source names them once, in shards that can be read alone."""

from __future__ import annotations

import io
import json
import tarfile
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from vit_attention.gate import GateError
from vit_attention.inputs.pictures import open_picture
from vit_attention.surveying.grouped import Columns
from vit_attention.surveying.items import Source, known
from vit_attention.surveying.sources import source_of


def names(source: Source) -> list[list[str]]:
    return [[one.name for one in source.items(shard)] for shard in range(source.shards)]


def png(seed: int, side: int = 16) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def half(side: int = 16) -> bytes:
    """A mask of the left half."""
    mask = np.zeros((side, side), np.uint8)
    mask[:, : side // 2] = 255
    out = io.BytesIO()
    Image.fromarray(mask).save(out, "PNG")
    return out.getvalue()


def test_a_folder_a_glob_and_a_list_name_the_same_pictures(photos: Path, tmp_path: Path) -> None:
    (photos / "notes.md").write_text("no picture")
    (photos / "list.txt").write_text("".join(f"{n:02d}.png\n" for n in range(12)) + "\n")
    files = [str(photos / f"{n:02d}.png") for n in range(12)]
    for given in (photos, str(photos / "*.png"), photos / "list.txt", files):
        assert names(source_of(given, shard_size=5)) == [files[:5], files[5:10], files[10:]]


def test_a_range_of_drawn_pictures_is_neither_drawn_nor_kept() -> None:
    source = source_of("scene-1..900000000", shard_size=100_000)
    assert source.shards == 9000
    assert [one.name for one, _ in zip(source.items(8999), range(2), strict=False)] == [
        "scene-899900001",
        "scene-899900002",
    ]
    assert known(source) == 900_000_000


def test_drawn_pictures_know_where_their_object_is() -> None:
    (item,) = source_of("scene-7").items(0)
    picture, mask = item.opened()
    assert picture.size == (224, 224)
    assert mask.shape == (224, 224)
    assert 0 < mask.mean() < 0.5


@pytest.mark.parametrize("seed", [0, 1])
def test_shuffled_every_picture_is_there_once_and_the_first_are_those_of_the_same_order(seed: int) -> None:
    def order(first: int | None) -> list[str]:
        return [*chain(*names(source_of("scene-1..50", shard_size=8, shuffle=seed, first=first)))]

    assert sorted(order(None)) == sorted(f"scene-{n}" for n in range(1, 51))
    assert order(None) != [f"scene-{n}" for n in range(1, 51)]
    assert order(9) == order(None)[:9]


def test_another_order_or_shard_size_has_another_digest() -> None:
    given: list[dict[str, Any]] = [{}, {"shuffle": 0}, {"shuffle": 1}, {"first": 3}, {"shard_size": 3}]
    assert len({source_of("scene-1..5", **one).digest for one in given}) == len(given)
    assert source_of("scene-1..5").digest == source_of("scene-1..5").digest


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "one.png").write_bytes(png(1))
    rows = {
        "image": [{"bytes": png(0), "path": None}, {"bytes": None, "path": "one.png"}, {"bytes": b"x", "path": None}],
        "mask": [half(), None, None],
        "boxes": [None, [0.0, 0.0, 8.0, 16.0], None],
        "label": [0, 1, 2],
    }
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "t.parquet", row_group_size=2)
    return tmp_path / "t.parquet"


def test_row_groups_of_parquet_are_shards(table: Path) -> None:
    source = source_of(table, columns=Columns(mask="mask", box="boxes"))
    assert names(source) == [["t.parquet#0", "t.parquet#1"], ["t.parquet#2"]]
    first, second = source.items(0)
    assert np.array_equal(open_picture(first.opened()[0]).image, open_picture(png(0)).image)
    assert np.array_equal(open_picture(second.opened()[0]).image, open_picture(png(1)).image)
    truths = [np.asarray(one.truth(one.opened()[1], (16, 16))) > 0 for one in (first, second)]
    assert all(truth[:, :8].all() and not truth[:, 8:].any() for truth in truths)
    (damaged,) = source.items(1)
    with pytest.raises(GateError):
        open_picture(damaged.opened()[0])


def test_rows_are_counted_over_the_whole_file_and_first_cuts_a_group(table: Path) -> None:
    assert names(source_of(table, first=1)) == [["t.parquet#0"]]
    assert sorted(chain(*names(source_of(table, shuffle=3)))) == ["t.parquet#0", "t.parquet#1", "t.parquet#2"]


def test_a_column_that_is_not_there_is_refused(table: Path) -> None:
    with pytest.raises(GateError, match="want a column photo, got columns image, mask, boxes, label"):
        source_of(table, columns=Columns("photo"))


def test_a_saved_data_set_is_read_without_its_library(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    for name in ("state.json", "dataset_info.json"):
        (folder / name).write_text(json.dumps({}))
    rows = pyarrow.table({"image": [{"bytes": png(n), "path": None} for n in range(5)]})
    path = str(folder / "data-00000-of-00001.arrow")
    with pyarrow.OSFile(path, "wb") as file, pyarrow.ipc.new_stream(file, rows.schema) as stream:
        stream.write_table(rows, max_chunksize=2)
    source = source_of(folder)
    assert [len(one) for one in names(source)] == [2, 2, 1]
    (last,) = source.items(2)
    assert np.array_equal(open_picture(last.opened()[0]).image, open_picture(png(4)).image)


def test_a_data_set_object_is_read_row_by_row() -> None:
    class Rows:
        """What the `datasets` library's data sets share."""

        column_names = ("label", "image")

        def __len__(self) -> int:
            return 3

        def __getitem__(self, at: int) -> dict[str, Any]:
            return {"label": at, "image": Image.new("RGB", (16, 16), (at, 0, 0))}

    source = source_of(Rows(), shard_size=2)
    assert names(source) == [["row 0", "row 1"], ["row 2"]]
    assert next(iter(source.items(1))).opened()[0].getpixel((0, 0)) == (2, 0, 0)


@pytest.fixture(scope="module")
def real() -> Any:
    """A data set of the `datasets` library, with a column of pictures and one of masks."""
    datasets = pytest.importorskip("datasets")
    rows = {"label": [0, 1, 2], "image": [png(n) for n in range(3)], "mask": [half(), half(), None]}
    features = datasets.Features(
        {"label": datasets.Value("int64"), "image": datasets.Image(), "mask": datasets.Image()}
    )
    return datasets.Dataset.from_dict(rows, features=features)


@pytest.mark.parametrize("saved", [True, False])
def test_a_real_data_set_on_disk_and_in_memory(real: Any, tmp_path: Path, saved: bool) -> None:
    real.save_to_disk(tmp_path / "saved")
    given = tmp_path / "saved" if saved else type(real).load_from_disk(str(tmp_path / "saved"))
    source = source_of(given, columns=Columns(mask="mask"))
    items = [one for shard in range(source.shards) for one in source.items(shard)]
    assert len(items) == 3
    for n, item in enumerate(items):
        picture, mask = item.opened()
        assert np.array_equal(open_picture(picture).image, open_picture(png(n)).image)
        truth = item.truth(mask, (16, 16))
        assert truth is None if n == 2 else np.array_equal(np.asarray(truth) > 0, np.arange(16) < np.full((16, 1), 8))


def test_a_shard_of_a_parquet_file_that_the_data_sets_library_wrote(real: Any, tmp_path: Path) -> None:
    real.to_parquet(tmp_path / "t.parquet")
    first = next(iter(source_of(tmp_path / "t.parquet").items(0)))
    assert np.array_equal(open_picture(first.opened()[0]).image, open_picture(png(0)).image)


def tar(path: Path, members: dict[str, bytes], *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
        for info in more:
            file.addfile(info)
    return path


def test_a_tar_is_a_shard_whose_members_with_one_key_belong_together(tmp_path: Path) -> None:
    tar(tmp_path / "b.tar", {"b/2.jpg": png(2)})
    tar(tmp_path / "a.tar", {"a/1.png": png(1), "a/1.mask.png": half(), "a/1.json": b"{}", "a/none.json": b"{}"})
    source = source_of(tmp_path / "*.tar", columns=Columns(mask="mask.png"))
    assert names(source) == [["a.tar/a/1.png"], ["b.tar/b/2.jpg"]]
    (item,) = source.items(0)
    assert np.array_equal(open_picture(item.opened()[0]).image, open_picture(png(1)).image)
    assert item.mask == half()
    assert known(source) is None
    assert known(source_of(tmp_path / "*.tar", first=2)) == 2


def test_members_of_a_tar_that_are_no_plain_files_are_left_out(tmp_path: Path) -> None:
    link = tarfile.TarInfo("2.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device = tarfile.TarInfo("3.png")
    device.type = tarfile.CHRTYPE
    path = tar(tmp_path / "t.tar", {"../../1.png": png(1)}, link, device)
    assert names(source_of(path)) == [["t.tar/../../1.png"]]
    assert not (tmp_path.parent.parent / "1.png").exists()


def test_a_tar_that_ends_too_early_gives_what_is_whole(tmp_path: Path) -> None:
    path = tar(tmp_path / "t.tar", {f"{n}.png": png(n, 64) for n in range(3)})
    path.write_bytes(path.read_bytes()[:20_000])
    first, second = source_of(path).items(0)
    open_picture(first.opened()[0])
    with pytest.raises(GateError):
        open_picture(second.opened()[0])


@pytest.mark.parametrize("given", [[], ["scene-1", "t.tar"]])
def test_nothing_and_both_kinds_are_refused(tmp_path: Path, given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tar(tmp_path / "t.tar", {"1.png": png(1)})
    with pytest.raises(GateError, match="pictures: want pictures, or files that hold some together"):
        source_of(given)


@pytest.mark.parametrize("name", ["t.tar", "t.parquet", "t.txt"])
def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfe nothing of that kind")
    with pytest.raises(GateError, match=name):
        [*source_of(tmp_path / name).items(0)]


@pytest.mark.parametrize("given", ["photo", "", "scene-5..1", "scene-1..99999999999", "review-1..3", "no/such/folder"])
def test_a_name_of_nothing_is_refused_before_anything_is_run(given: str) -> None:
    with pytest.raises(GateError, match="want a picture, a folder, a pattern or a list that is there"):
        source_of(given)
    assert len(names(source_of([given, "scene-1"]))[0]) == 2  # one of several is a picture that fails


def test_an_empty_folder_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="got an empty one"):
        source_of(tmp_path)


@pytest.mark.parametrize("other", ["a.txt", "z.txt", "a.tar", "z.parquet", "folder"])
def test_a_pattern_for_pictures_and_for_what_holds_some_is_refused_in_any_order(photos: Path, other: str) -> None:
    (photos / other).mkdir()
    with pytest.raises(GateError, match=rf"got both, such as {other}.*end as the names of the files"):
        source_of(str(photos / "*"))
    assert len(names(source_of(str(photos / "*.png")))[0]) == 12


def test_a_pattern_for_folders_opens_each(photos: Path) -> None:
    (photos.parent / "photos2").mkdir()
    (photos / "00.png").rename(photos.parent / "photos2" / "00.png")
    assert len(names(source_of(str(photos.parent / "photos*")))[0]) == 12


def test_a_list_may_begin_with_the_mark_that_editors_write(photos: Path) -> None:
    (photos / "list.txt").write_text("\n00.png\r\n\n01.png", encoding="utf-8-sig")
    assert names(source_of(photos / "list.txt")) == [[str(photos / "00.png"), str(photos / "01.png")]]


def test_columns_of_pictures_that_have_none_are_refused(photos: Path) -> None:
    with pytest.raises(GateError, match="column: want files that hold pictures in columns"):
        source_of(photos, columns=Columns(mask="mask"))


def test_pictures_of_files_with_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        tar(tmp_path / folder / "t.tar", {"1.png": png(1)})
        pyarrow.parquet.write_table(pyarrow.table({"image": [png(2)]}), tmp_path / folder / "t.parquet")
    for end, last in (("tar", "/1.png"), ("parquet", "#0")):
        files = [tmp_path / folder / f"t.{end}" for folder in ("a", "b")]
        assert names(source_of(files)) == [[f"{file}{last}"] for file in files]
        assert names(source_of(files[0])) == [[f"t.{end}{last}"]]


@pytest.mark.parametrize(
    ("column", "match"), [("jpg", r"want members that end in jpg, got members that end in \['json', 'png'\]"), ("", "")]
)
def test_a_tar_without_such_pictures_says_what_it_has(tmp_path: Path, column: str, match: str) -> None:
    source = source_of(tar(tmp_path / "t.tar", {"1.png": png(1), "1.json": b"{}"}), columns=Columns(column))
    if not match:
        assert names(source) == [["t.tar/1.png"]]
        return
    with pytest.raises(GateError, match=match):
        names(source)
