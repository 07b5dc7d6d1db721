"""`python -m benchmarks.screenshots [NAME ...]`: the README's pictures, all or some, taken of the running app in headless Chromium."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from benchmarks.server import CHROMIUM, CHROMIUM_FLAGS, serve

TARGET = Path(__file__).resolve().parents[1] / "docs"

BUSY = "[data-testid=stStatusWidget], [data-testid=stSkeleton]"
"""What stands on a page that is not finished: the script runs, or a chart's code is still on its way."""

# file, address, width, colour scheme, what to scroll to: words, or a selector that begins with a dot (None: the top)
SHOTS = (
    ("start", "/", 1280, "light", None),
    ("query", "/query?ask=patch&row=9&column=7&layer=5&head=3", 1280, "light", "Numbers of"),
    ("heads", "/heads?picture=scene-24&layer=6", 1280, "light", "Colour scale"),
    ("rollout", "/rollout?picture=scene-24", 1280, "light", "Ask about a class"),
    ("reading", "/reading?document=receipt-8-4&token=30", 1280, "light", "Token"),
    ("fields", "/fields?document=receipt-8-4&field=5", 1280, "light", ".st-key-fields_page"),
    ("swin", "/swin?document=receipt-8-4&stage=3&block=2", 1280, "light", "Row of the cell (1 to 16)"),
    ("captions", "/captions?word=3", 1280, "light", "What the model says."),
    ("playground", "/playground?model=photo-dino&picture=cat&grid=37&layer=11&head=6", 1280, "light", ".st-key-grid"),
    (
        "labels",
        "/playground?model=scene-clip&picture=scene-2-2-50&layer=12&method=label%20similarity,%20naive&all_labels=true",
        1280,
        "light",
        "Labels, one a line",
    ),
    ("sentences", "/playground?model=review-encoder&layer=4", 1280, "light", "Text"),
    ("phone", "/layers?picture=scene-11", 390, "dark", "Layers shown"),
)


def shoot(browser: Browser, url: str, shot: tuple[str, str, int, str, str | None]) -> None:
    name, address, width, scheme, scroll_to = shot
    height = 800
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(url + address)
    page.get_by_role("heading", level=1).wait_for(timeout=60_000)
    page.wait_for_timeout(4000)
    page.wait_for_function(f"() => !document.querySelector('{BUSY}')", timeout=60_000)
    if scroll_to:
        place = page.locator(scroll_to) if scroll_to.startswith(".") else page.get_by_text(scroll_to, exact=True)
        place.first.evaluate("e => e.scrollIntoView({block: 'start'})")
        page.wait_for_timeout(800)
    path = TARGET / f"{name}.png"
    page.screenshot(path=path)
    # 128 colours keep a screenshot of an app under 150 kB.
    Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path.name, path.stat().st_size // 1000, "kB")
    page.close()


def main(names: list[str]) -> None:
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        for shot in (one for one in SHOTS if not names or one[0] in names):
            shoot(browser, server.url, shot)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
