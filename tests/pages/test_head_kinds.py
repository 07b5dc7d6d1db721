"""The steps of "Heads" about what heads prefer."""

from __future__ import annotations

import pytest

from tests.pages.reading import fine, titles
from ui.frame import state


def test_the_kinds_wait_for_the_guess(app) -> None:
    page = app("heads", step="9")
    assert titles(page) == ["All heads, asked by the class token"]
    fine(page.radio[0].set_value("texture").run())
    assert "144" not in page.warning[0].value  # the hint first
    fine(page.radio[0].set_value("foreground").run())
    assert "127 of 144 heads prefer a patch on an object" in page.success[0].value
    assert titles(page) == ["Preference of scene-vit's heads: edge"]


@pytest.mark.parametrize(("model", "framed"), [("scene-vit", "2 of 144"), ("photo-dino", "45 of 72")])
def test_heads_for_textures_by_model(app, model: str, framed: str) -> None:
    page = app("heads", step="10", model=model)
    assert page.session_state[state.PICTURE] == "scene-7"
    assert framed in page.get("plotly_chart")[0].proto.spec
    assert not [one for one in page.button if "Test on" in one.label]
