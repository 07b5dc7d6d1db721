from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from visualizer.method.base import Map
from vit_attention.cli.drawings import Drawing
from vit_attention.cli.paint import Ground, Paint, painted, remark, write
from vit_attention.records import Axis

GREY = Image.new("RGB", (64, 64), (120, 120, 120))
AXIS = Axis.patches(2, 2)


def drawing(values: list[float], words: str = "raw", signed: bool = False) -> Drawing:
    return Drawing(0, "raw", "", Map(np.array(values), AXIS, "unit", words, (), 0, signed=signed))


def test_letters_that_cannot_be_printed_are_told_once() -> None:
    one, ground = drawing([0, 0, 0, 1], "class 図"), Ground(GREY, None, None, "model; 像.png")
    assert "printed as their numbers" in remark([one, one], ground, Paint())
    assert not remark([one], ground, Paint(caption="plain", settings="plain"))
    assert not remark([one], ground, Paint(plain=True))


def test_signed_maps_are_drawn_round_zero_even_where_none_is_below() -> None:
    ground, paint = Ground(GREY, None, None, ""), Paint(plain=True, alpha=1.0)
    drawn = np.asarray(painted(drawing([0, 0, 0, 1], signed=True), ground, paint, []))
    assert np.abs(drawn[0, 0].astype(int) - 247).max() <= 4  # the middle of ColorBrewer's PuOr
    plain = np.asarray(painted(drawing([0, 0, 0, 1]), ground, paint, []))
    assert plain[0, 0].tolist() == [0, 34, 78]  # the low end of Cividis


def test_fading_shows_the_picture_where_nothing_is_and_half_of_it_at_a_quarter() -> None:
    ground, paint = Ground(GREY, None, None, ""), Paint(plain=True, alpha=1.0, fade=True, colormap="Greys")
    drawn = np.asarray(painted(drawing([0, 0.25, 0.25, 1]), ground, paint, []))
    assert drawn[0, 0].tolist() == [120] * 3
    assert drawn[-1, -1].tolist() == [0] * 3  # the last colour of Greys covers all
    # Greys at 0.25 is between ColorBrewer's #d9d9d9 and #bdbdbd, which stand at 2/8 and 3/8; the root of 1/4 is 1/2.
    assert abs(int(drawn[0, -1, 0]) - (0xD9 + 120) / 2) <= 1


def test_the_map_alone_does_not_fade(tmp_path: Path) -> None:
    write([drawing([0, 0, 0, 1])], Ground(GREY, None, None, ""), Paint(plain=True, fade=True), tmp_path)
    alone = np.asarray(Image.open(tmp_path / "heatmap_layer_0_raw.png"))
    assert alone[0, 0].tolist() == [0, 34, 78]  # the low end of Cividis
    assert np.asarray(Image.open(tmp_path / "attn_map_layer_0_raw.png"))[0, 0].tolist() == [120] * 3
