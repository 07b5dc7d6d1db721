"""The answers before and after the lessons on the reader and its encoder, by hand and on the twins' own two pages."""

from __future__ import annotations

import pytest

from tests.tutorials.findings.swins import inside, plan
from tutorials.findings import twins_read
from tutorials.findings.page import Document, Reading
from tutorials.lessons import lessons
from vit_attention import load


def test_a_cell_of_an_unshifted_window_knows_its_window_alone_and_of_two_shifted_stages_more() -> None:
    alone = plan([(8, 8)], [(0,)])
    assert twins_read.behind_the_cell(inside(alone, 0, 0)).answer == twins_read.OWN
    more = plan([(16, 16)], [(0, 2)])
    assert twins_read.behind_the_cell(inside(more, 0, 1, place=(0.5, 0.5))).answer == twins_read.BEYOND
    whole = plan([(8, 8), (4, 4)], [(0,), (0,)])
    assert twins_read.behind_the_cell(inside(whole, 1, 0)).answer == twins_read.WHOLE


@pytest.mark.parametrize("name", ["reading", "fields"])
def test_the_twins_pages_have_an_answer_among_the_options(name: str) -> None:
    twin, model = lessons()[name].twin, load("receipt-donut")
    assert twin is not None
    for page in (Document.drawn(twin.before), Document.drawn(twin.after)):
        record = model.attend(page.image, prompt=page.prompt, kinds=("cross",))
        now = Reading("receipt-donut", page, record, None, None, 4)
        assert getattr(twins_read, twin.finding.partition(".")[2])(now).answer in twin.options
