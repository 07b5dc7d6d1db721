"""The address: links are honoured or answered, each run writes it once, Back brings the view before."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ui.frame import address

PROGRAM = """
import streamlit as st
from ui.frame import address
from ui.parts import widgets

entered = address.start(st.session_state.get("page_name", "one"), ("layer",))
st.text(f"entered {entered}")
layer = widgets.slider("Layer", 1, 12, "layer", 10)
name = widgets.menu("Colour map", ("blue", "red"), "colours")
on = widgets.toggle("Smooth", "smooth")
ends = widgets.span("Layers shown", 1, 12, "range")
share = widgets.slider("Opacity of the map", 0.0, 1.0, "opacity", 0.6, 0.05)
kept = widgets.number("Row", 1, 14, "row", 7, place=None)
if on:
    with address.part("more"):
        widgets.choice("Kind", ("a", "b"), "kind")
if st.session_state.get("all_at_once"):
    st.session_state.pop("all_at_once")
address.finish()
for one in address.of_session().complaints:
    st.warning(one)
st.button("The browser answers", "answered", on_click=address.again)
"""


@pytest.fixture
def opened() -> Callable[..., AppTest]:
    def run(**parameters: str) -> AppTest:
        test = AppTest.from_string(PROGRAM)
        for key, value in parameters.items():
            test.query_params[key] = value
        test.run()
        assert not test.exception, test.exception
        return test

    return run


def carried(test: AppTest) -> dict[str, str]:
    return {key: value[0] if isinstance(value, list) else value for key, value in test.query_params.items()}


def test_a_link_sets_every_kind_of_control_and_stays_as_it_is(opened: Callable[..., AppTest]) -> None:
    asked = {
        "layer": "3",
        "colours": "red",
        "smooth": "true",
        "range": "2-5",
        "opacity": "0.35",
        "row": "9",
        "kind": "b",
    }
    test = opened(**asked)
    assert (test.slider(key="layer").value, test.selectbox(key="colours").value) == (3, "red")
    assert test.toggle(key="smooth").value is True
    assert tuple(test.select_slider(key="range").value) == (2, 5)
    assert test.slider(key="opacity").value == 0.35
    assert test.session_state["row"] == 9
    assert carried(test) == asked
    assert not test.warning


def test_defaults_leave_the_address_and_strangers_stay(opened: Callable[..., AppTest]) -> None:
    test = opened(layer="10", utm="x", opacity="0.6")
    assert carried(test) == {"utm": "x"}
    test.slider(key="layer").set_value(4).run()
    assert carried(test) == {"utm": "x", "layer": "4"}
    test.slider(key="layer").set_value(10).run()
    assert carried(test) == {"utm": "x"}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("layer", "99", "There is no layer 99, only 1 to 12; layer 10 is shown."),
        ("layer", "1e999", "There is no layer 1e999, only 1 to 12; layer 10 is shown."),
        ("layer", "-1", "no layer"),
        ("layer", "9" * 400, "no layer 999"),
        ("opacity", "nan", "no opacity of the map nan, only 0 to 1; opacity of the map 0.6 is shown."),
        ("opacity", "1.5", "only 0 to 1"),
        ("colours", "green", "There is no colour map 'green'; colour map blue is shown."),
        ("smooth", "yes", "want true or false, got 'yes'"),
        ("range", "5-2", "want two numbers such as 1-12, got '5"),
        ("row", "0", "There is no row 0, only 1 to 14; row 7 is shown."),
    ],
)
def test_what_cannot_be_honoured_is_answered_by_a_sentence(
    opened: Callable[..., AppTest], key: str, value: str, said: str
) -> None:
    test = opened(**{key: value})
    assert len(test.warning) == 1
    assert said in test.warning[0].value.replace("\\", "")
    assert key not in carried(test)
    assert not test.run().warning, "said once"


def test_a_run_that_no_reader_asked_for_says_again_what_was_said(opened: Callable[..., AppTest]) -> None:
    test = opened(layer="99")
    said = test.warning[0].value
    test.button(key="answered").click().run()
    assert [one.value for one in test.warning] == [said]
    assert not test.run().warning, "and then no more"


def test_a_run_that_follows_another_goes_on_from_it_whatever_address_its_request_carries(
    opened: Callable[..., AppTest],
) -> None:
    test = opened(layer="2")
    test.slider(key="layer").set_value(4).run()
    test.query_params["layer"] = "2"  # it was on its way before the browser had the new one
    test.button(key="answered").click().run()
    assert test.slider(key="layer").value == 4
    test.slider(key="layer").set_value(2).run()
    assert carried(test) == {"layer": "2"}


def test_back_restores_what_the_address_says_and_defaults_for_the_rest(opened: Callable[..., AppTest]) -> None:
    test = opened()
    test.slider(key="layer").set_value(4).run()
    test.selectbox(key="colours").set_value("red").run()
    assert carried(test) == {"layer": "4", "colours": "red"}
    del test.query_params["colours"]  # what the browser does on Back
    test.run()
    assert (test.slider(key="layer").value, test.selectbox(key="colours").value) == (4, "blue")
    del test.query_params["layer"]
    test.run()
    assert test.slider(key="layer").value == 10


@pytest.mark.parametrize(("back", "layer"), [(False, 4), (True, 2)])
def test_a_late_request_of_a_browser_is_not_back(
    opened: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, back: bool, layer: int
) -> None:
    """A click that was sent before the browser had the new address carries the old one, as Back does, which says what it is."""
    monkeypatch.setattr(type(st.context), "headers", {"User-Agent": "a browser"})
    monkeypatch.setattr(address, "get_script_run_ctx", lambda: SimpleNamespace(is_history_navigation=back))
    test = opened(layer="2")
    test.slider(key="layer").set_value(4).run()
    test.query_params["layer"] = "2"
    test.selectbox(key="colours").set_value("red").run()
    assert test.slider(key="layer").value == layer
    assert test.selectbox(key="colours").value == ("blue" if back else "red")


def test_another_page_keeps_choices_but_for_what_begins_anew(opened: Callable[..., AppTest]) -> None:
    test = opened()
    test.slider(key="layer").set_value(4)
    test.selectbox(key="colours").set_value("red").run()
    test.query_params.clear()  # what a click in the menu does
    test.session_state["page_name"] = "two"
    test.run()
    assert "entered True" in test.text[0].value
    assert (test.slider(key="layer").value, test.selectbox(key="colours").value) == (10, "red")
    assert carried(test) == {"colours": "red"}


def test_a_part_that_is_gone_takes_its_parameters_along(opened: Callable[..., AppTest]) -> None:
    test = opened(smooth="true", kind="b")
    test.toggle(key="smooth").set_value(False).run()
    assert carried(test) == {}


def test_several_changes_write_the_address_once(
    opened: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamlit.runtime.state.query_params_proxy import QueryParamsProxy

    written: list[Any] = []
    usual = QueryParamsProxy.from_dict
    monkeypatch.setattr(QueryParamsProxy, "from_dict", lambda self, given: (written.append(given), usual(self, given)))
    test = opened()
    test.session_state["layer"], test.session_state["colours"], test.session_state["row"] = 2, "red", 3
    test.run()
    assert written == [{"layer": "2", "colours": "red", "row": "3"}]


def test_values_of_strangers_never_reach_a_control(opened: Callable[..., AppTest]) -> None:
    test = opened()
    test.session_state["row"] = "7; drop"
    test.session_state["range"] = (0, 99)
    test.run()
    assert not test.exception
    assert test.session_state["row"] == 7
    assert tuple(test.select_slider(key="range").value) == (1, 12)
