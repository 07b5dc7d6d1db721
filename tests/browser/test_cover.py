"""A patch is covered with a click or a tap, and the answer moves; a second click lets go of it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tests.browser.test_frame import patch_at
from worlds.scenes import coverage, scene

pytestmark = pytest.mark.browser


def chance(seen: Any) -> float:
    """The probability after the change, as the page says it."""
    text = seen.page.get_by_text(re.compile(r"^Probability of ring: ")).first.inner_text()
    return float(re.search(r"then ([\d.]+) %", text)[1])  # type: ignore[index]


@pytest.mark.parametrize("touch", [False, True])
def test_covered_patches_move_the_prediction(visit: Any, phone: dict[str, Any], touch: bool) -> None:
    inside = np.flatnonzero(coverage(scene(7).mask, (14, 14)).ravel() > 0).tolist()
    hidden, last = inside[:-1], inside[-1]
    seen = visit("cover?edited=" + ",".join(map(str, hidden)), **(phone if touch else {}))
    before = chance(seen)
    at = seen.page.touchscreen.tap if touch else seen.page.mouse.click
    at(*patch_at(seen, "cover_maps", *divmod(last, 14), 14))
    seen.until(lambda: abs(chance(seen) - before) > 0.05 or None, "another probability")
    assert "edited" in seen.address()
    at(*patch_at(seen, "cover_maps", *divmod(last, 14), 14))
    seen.until(lambda: abs(chance(seen) - before) < 0.05 or None, "the probability of before")
