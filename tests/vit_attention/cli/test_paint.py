from __future__ import annotations

import numpy as np
from PIL import Image

from visualizer.method.base import Map
from vit_attention.cli.drawings import Drawing
from vit_attention.cli.paint import Ground, Paint, painted, remark
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
    ground, paint = Ground(GREY, None, None, ""), Paint(plain=True)
    drawn = np.asarray(painted(drawing([0, 0, 0, 1], signed=True), ground, paint, 1.0, []))
    assert np.abs(drawn[0, 0].astype(int) - 247).max() <= 4  # the middle of ColorBrewer's PuOr
    plain = np.asarray(painted(drawing([0, 0, 0, 1]), ground, paint, 1.0, []))
    assert plain[0, 0].tolist() == [0, 34, 78]  # the low end of Cividis
