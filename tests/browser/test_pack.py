"""The teacher's pack in a browser: its pages open without asking for anything, print on A4, and nothing is cut off."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tutorials.key import Key, of_seats
from tutorials.lessons import lessons
from tutorials.pack.files import files

pytestmark = pytest.mark.browser
LESSON = "patches"
A4 = {"width": 680, "height": 1009}
"""Pixels of A4 between its margins."""
# Elements that reach over the edge of the paper, or whose content does over their own.
CUT = """() => [...document.body.querySelectorAll('*')].filter(one => {
  const box = one.getBoundingClientRect();
  return box.right > innerWidth + 1 || box.left < -1 || one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0;
}).map(one => one.tagName + ': ' + one.textContent.slice(0, 60))"""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    key = of_seats(Key(lessons()[LESSON]), (1, 2))
    for name, content in files(lessons()[LESSON], "http://192.168.1.20:8501", key).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / LESSON


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.parametrize("name", ["plan", "worksheets", "key"])
def test_a_sheet_opens_and_prints_whole(browser: Any, pack: Path, name: str) -> None:
    page = browser.new_page(viewport=A4)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((pack / f"{name}.html").as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    page.emulate_media(media="print")
    assert page.evaluate(CUT) == []
    broken = page.evaluate("() => [...document.images].filter(one => !one.naturalWidth).length")
    assert broken == 0
    printed = page.pdf(format="A4", prefer_css_page_size=True)
    assert pages(printed) >= (2 if name == "worksheets" else 1)
    assert len(printed) > 5000
    page.close()


def test_a_worksheet_has_every_question_and_both_seats(browser: Any, pack: Path) -> None:
    page = browser.new_page(viewport=A4)
    page.goto((pack / "worksheets.html").as_uri())
    text = " ".join(page.inner_text("body").split())
    assert [one for one in ("seat 1", "seat 2") if one not in text] == []
    for question in lessons()[LESSON].questions:
        assert question.question.split(".")[0].split("$")[0].replace("*", "") in text
    page.close()
