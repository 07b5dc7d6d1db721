from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tutorials.lessons import lessons
from ui.explore.start import TABLE
from vit_attention.models.cards import BUNDLED

ROOT = Path(__file__).resolve().parents[2]


def test_it_says_what_this_is_and_leads_to_every_lesson(app: Callable[..., AppTest]) -> None:
    page = app("start")
    text = " ".join(m.value for m in page.markdown)
    assert "vision transformer" in text.lower()
    for name in ("scene-vit", "receipt-donut", "scene-aoanet"):
        assert f"**{name}**" in text
    card = json.loads((BUNDLED / "receipt-donut.json").read_text())["receipts"]
    assert f"{100 * card['fields']:.0f}% of the fields" in text
    assert [h.value for h in page.subheader] == list(dict.fromkeys(part for part, _, _ in TABLE if part))
    assert len(page.get("page_link")) == len(TABLE) - 1
    assert page.title[0].value == "Start here"


def test_hostile_query_parameters_are_ignored(app: Callable[..., AppTest]) -> None:
    page = app("start", layer="99", head="<script>", picture="../../etc/passwd", model="rm -rf", row="-4", column="abc")
    assert page.selectbox(key="picture").value == "scene-7"
    assert page.selectbox(key="model").value == "scene-vit"
    assert 1 <= page.slider(key="layer").value <= 12


def test_the_table_and_the_lessons_fit_together() -> None:
    pages = {name for _, name, _ in TABLE}
    assert set(lessons()) <= pages
    assert {p.stem for p in (ROOT / "pages").glob("*.py")} == pages


def test_the_first_page_imports_no_torch() -> None:
    program = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\nimport ui.frame.heavy\nui.heavy.warm_up = lambda: None\n"
        "page = AppTest.from_file('app.py', default_timeout=60).run()\nassert not page.exception, page.exception\n"
        "bad = {'torch', 'torchvision', 'transformers', 'skimage'} & set(sys.modules)\nassert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1500:]
