"""Maps with values below zero, which have no logarithm: where one is asked for, a sentence says so."""

from __future__ import annotations

import pytest

REFUSAL = "This map cannot be drawn: log scale: want values of at least 0"


@pytest.mark.parametrize(
    ("page", "parameters"),
    [
        ("asking", {"step": "1", "scale": "log"}),  # cosines
        ("compare", {"picture": "scene-24", "compare_method": "occlusion", "compare_units_scale": "log"}),
        ("playground", {"picture": "scene-24", "method": "occlusion", "scale": "log"}),
    ],
)
def test_a_logarithm_of_values_below_zero_is_refused_in_a_sentence(app, page: str, parameters: dict[str, str]) -> None:
    shown = app(page, **parameters)
    assert [one.value.replace("\\", "")[: len(REFUSAL)] for one in shown.error] == [REFUSAL]


@pytest.mark.parametrize("step", range(10))
def test_every_view_of_labels_lives_with_it(app, step: int) -> None:
    app("asking", step=str(step), scale="log")
