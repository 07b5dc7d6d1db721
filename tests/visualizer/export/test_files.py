from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from visualizer.export import files as export
from visualizer.style import theme
from vit_attention.records.geometry import Geometry

GREY = Image.new("RGB", (224, 224), (120, 120, 120))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def hot(row: int, column: int, shape: tuple[int, int] = (14, 14)) -> np.ndarray:
    out = np.zeros(shape)
    out[row, column] = 1.0
    return out


def test_the_hot_patch_of_the_png_has_the_last_colour_of_the_map_and_its_neighbours_the_first() -> None:
    drawn = np.asarray(opened(export.overlay_png(GREY, hot(3, 10), opacity=1.0, width=224)).convert("RGB"))
    last, first = theme.table("Cividis")[[255, 0]]
    assert (drawn[48:64, 160:176] == last).all()
    assert (drawn[48:64, 144:160] == first).all()
    assert (drawn[:224, :224] == last).all(axis=-1).sum() == 256


def test_the_png_is_placed_through_the_crop_and_leaves_unseen_pixels_uncovered() -> None:
    crop = Geometry.of(640, 480).crop(80, 0, 480, 480)
    image = Image.new("RGB", (320, 240), (0, 0, 0))
    drawn = np.asarray(
        opened(export.overlay_png(image, hot(0, 0, (2, 2)), crop, opacity=1.0, width=640)).convert("RGB")
    )
    last = theme.table("Cividis")[255]
    assert (drawn[0:240, 80:320] == last).all()
    assert len(np.unique(drawn[0:480, 0:80].reshape(-1, 3), axis=0)) == 1  # one grey veil
    assert not (drawn[0:480, 0:80] == last).all(axis=-1).any()


def test_opacity_blends_and_undefined_cells_show_the_picture() -> None:
    values = hot(0, 0, (2, 2))
    values[1, 1] = np.nan
    drawn = np.asarray(opened(export.overlay_png(GREY, values, opacity=0.5, width=224)).convert("RGB")).astype(float)
    assert np.abs(drawn[50, 50] - (theme.table("Cividis")[255] + 120.0) / 2).max() <= 1
    assert (drawn[170, 170] == 120).all()


def test_scale_and_settings_are_printed_under_the_picture() -> None:
    plain = opened(export.overlay_png(GREY, hot(0, 0)))
    captioned = opened(export.overlay_png(GREY, hot(0, 0), caption="scene-vit, layer 3", settings="one\ntwo"))
    assert captioned.height == plain.height + 3 * 17
    ink = np.asarray(captioned.convert("L"))[plain.height - 6 :]
    assert (ink < 100).sum() > 100


def test_query_and_truth_are_drawn() -> None:
    mask = np.zeros((224, 224), bool)
    mask[100:150, 100:150] = True
    drawn = np.asarray(opened(export.overlay_png(GREY, hot(0, 0), query=[15], truth=mask, width=224)).convert("RGB"))
    orange, cyan = (213, 94, 0), (0, 240, 255)
    assert (drawn[15, 20:28] == orange).all()
    assert (drawn[100, 110:140] == cyan).all()


def test_the_gif_has_one_frame_per_layer_in_one_palette_and_loops(rng: np.random.Generator) -> None:
    maps = rng.random((12, 14, 14))
    gif = opened(export.layers_gif(GREY, maps, duration=250, width=128))
    assert gif.n_frames == 12
    assert gif.info["loop"] == 0
    assert gif.info["duration"] == 250
    colours = set()
    for n in range(12):
        gif.seek(n)
        colours |= {tuple(c) for c in np.unique(np.asarray(gif.convert("RGB")).reshape(-1, 3), axis=0).tolist()}
    assert len(colours) <= 256
    assert tuple(theme.table("Cividis")[0].tolist()) in colours  # the colour bar keeps its own colours


def test_frames_share_one_range_unless_asked_otherwise() -> None:
    maps = np.stack([hot(0, 0, (2, 2)) * size for size in (0.5, 1.0)])
    last = theme.table("Cividis")[255]
    for scale, expected in (("shared", [False, True]), ("per map", [True, True])):
        frames = export.layer_frames(GREY, maps, scale=scale, opacity=1.0, width=128)
        assert [bool((np.asarray(f)[10, 10] == last).all()) for f in frames] == expected


def test_webp_and_zip_hold_every_layer() -> None:
    maps = np.stack([hot(n, n, (4, 4)) for n in range(3)])
    assert opened(export.layers_webp(GREY, maps, width=96)).n_frames == 3
    with zipfile.ZipFile(io.BytesIO(export.layers_zip(GREY, maps, width=96))) as archive:
        assert archive.namelist() == ["layer-01.png", "layer-02.png", "layer-03.png"]
        assert opened(archive.read("layer-02.png")).format == "PNG"


def test_csv_reads_back_exactly(rng: np.random.Generator) -> None:
    values = rng.random((3, 2), dtype=np.float32)
    rows = list(csv.DictReader(io.StringIO(export.to_csv(values))))
    assert [(int(r["row"]), int(r["column"])) for r in rows] == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]
    assert np.array_equal(np.array([r["value"] for r in rows], np.float32).reshape(3, 2), values)


def test_the_page_stands_alone() -> None:
    page = export.standalone_html(go.Figure())
    assert "<script src=" not in page
    assert len(page) > 1_000_000


def test_letters_that_the_typeface_lacks_are_printed_as_numbers_with_a_remark() -> None:
    def drawn(caption: str) -> bytes:
        return export.overlay_png(GREY, hot(0, 0), caption=caption)

    captions = ["図", "像", "\x00", "\ud800", "\u202e", "\ue000", "ก", "क", "👨‍👩‍👧", "plain"]
    pictures = [drawn(one) for one in captions]
    assert len({*pictures}) == len(captions)
    for picture in pictures[:-1]:
        assert opened(picture).height > opened(pictures[-1]).height  # one line more
    assert drawn("a\u3000b") == drawn("a b")


def test_a_long_caption_is_wrapped_to_a_narrow_picture() -> None:
    tall = opened(export.overlay_png(GREY, hot(0, 0), caption="long " * 40, width=64))
    assert tall.height > opened(export.overlay_png(GREY, hot(0, 0), caption="a b", width=64)).height + 17 * 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: export.overlay_png(GREY, hot(0, 0), width=10), "width"),
        (lambda: export.layers_gif(GREY, np.ones((2, 2))), "maps: want"),
        (lambda: export.layers_zip(GREY, np.ones((2, 2, 2)), names=["a"]), "names: want 2"),
    ],
)
def test_wrong_input_is_refused(call: Callable[[], bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
