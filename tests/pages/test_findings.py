"""What the tests of claims found stays as long as what is looked at."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.reading import fine

VERDICTS = ("Holds here.", "Fails here.", "Cannot be told here.")
CHANGES = {"heads": ("layer", 3), "reading": ("decoder_layer", "2"), "swin": ("swin_row", 3), "captions": ("word", 3)}


def findings(page: AppTest) -> int:
    told = [*page.success, *page.warning, *page.info]
    return sum(one.value.startswith(VERDICTS) for one in told)


@pytest.mark.parametrize("name", CHANGES)
def test_findings_stay_until_something_else_is_looked_at(name: str, app: Callable[..., AppTest]) -> None:
    page = app(name)
    assert findings(page) == 0
    fine(page.button(key=f"{name}_claim_1").click().run())
    fine(page.button(key=f"{name}_claim_2").click().run())
    assert findings(page) == 2
    key, value = CHANGES[name]
    found = [w for kind in (page.slider, page.selectbox, page.number_input) for w in kind if w.key == key]
    fine(found[0].set_value(value).run())
    assert findings(page) == 0
