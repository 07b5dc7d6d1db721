"""`python -m benchmarks.screenshots [NAME ...]`: the README's pictures, all or some, taken of the running app in headless Chromium."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.server import CHROMIUM, CHROMIUM_FLAGS, serve

TARGET = Path(__file__).resolve().parents[1] / "docs"

BUSY = "[data-testid=stStatusWidget], [data-testid=stSkeleton], [data-testid=stSpinner], .sightlines-waiting"
"""What stands on a page that is not finished: the script runs, or a chart's code is still on its way."""


class Shot(NamedTuple):
    """One picture.

    Attributes:
        name: of the file.
        page: its address.
        asked: what the address says: step, panel, and all else that is looked at.
        size: width and height of the window, in pixels.
        scheme: light or dark.
        press: what the button says that is pressed first, or "".
    """

    name: str
    page: str
    asked: dict[str, object]
    size: tuple[int, int] = (1280, 800)
    scheme: str = "light"
    press: str = ""


SHOTS = (
    Shot("start", "", {}),
    Shot("query", "query", {"step": 9}),
    Shot("before", "heads", {"step": 0, "student": 17}),
    Shot("heads", "heads", {"step": 4, "picture": "cat", "layer": 11, "head": 6}),
    Shot("rollout", "rollout", {"step": 7}),
    Shot("claim", "rollout", {"step": 2}, size=(1280, 960), press="Test on 50"),
    Shot("reading", "reading", {"document": "receipt-8-4", "token": 30}),
    Shot("fields", "fields", {"document": "receipt-8-4", "field": 5, "step": 2}),
    Shot("swin", "swin", {"step": 4}),
    Shot("captions", "captions", {"word": 3}),
    Shot("cover", "cover", {"edited": "object", "step": 1}),
    Shot("leaderboard", "leaderboard", {"step": 4}),
    Shot("playground", "playground", {"picture": "cat", "grid": 37, "layer": 11, "head": 6}),
    Shot("atlas", "atlas", {"layer": 10, "head": 6}, size=(1280, 1100)),
    Shot("labels", "asking", {"step": 2}),
    Shot("sentences", "sentence", {"step": 1}),
    Shot("trust", "heads", {"step": 2, "picture": "cat", "head": 5, "panel": "trust"}, size=(1280, 1100)),
    Shot("phone", "layers", {"step": 1}, size=(390, 844), scheme="dark"),
)


def shoot(browser: Browser, url: str, shot: Shot) -> None:
    width, height = shot.size
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=shot.scheme)  # type: ignore[arg-type]
    page.goto(f"{url}/{shot.page}?{urlencode(shot.asked)}")
    page.get_by_role("heading", level=1).wait_for(timeout=60_000)
    _settled(page)
    if shot.press:
        page.get_by_role("button", name=shot.press).click()
        _settled(page)
    # What a page cannot honour or draw is no picture of the app.
    assert not page.locator("[data-testid=stAlertContentWarning], [data-testid=stException]").count(), shot.name
    path = TARGET / f"{shot.name}.png"
    page.screenshot(path=path)
    # 256 colours keep a screenshot under 150 kB; without `kmeans` the yellow of a map turns brown.
    few = Image.open(path).convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(path.name, path.stat().st_size // 1000, "kB", flush=True)
    page.close()


def _settled(page: Page) -> None:
    for pause in (4000, 2000, 2000):  # a page may begin anew once its tab has answered
        page.wait_for_timeout(pause)
        page.wait_for_function(f"() => !document.querySelector('{BUSY}')", timeout=90_000)
    page.wait_for_timeout(500)


def main(names: list[str]) -> None:
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        for shot in (one for one in SHOTS if not names or one.name in names):
            shoot(browser, server.url, shot)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
