"""`python -m benchmarks.browser`: cold start and click-to-painted in headless Chromium, with payload and peak memory."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.server import CHROMIUM, CHROMIUM_FLAGS, serve
from vit_attention.inputs.pictures import open_picture

# What all charts of the page show: their texts and the first numbers of their first trace.
CHARTS = """() => [...document.querySelectorAll('.js-plotly-plot')].map(p => {
  const z = p.data?.[0]?.z;
  return p.querySelector('.main-svg')?.textContent + (z?.bdata || z?._inputArray?.bdata || JSON.stringify([...(z?.[0] || [])]));
}).join('|')"""

# Resolves, with the time, at the first frame in which the charts differ from `before` and the script has ended.
PAINTED = """(before) => new Promise((done, fail) => {
  const charts = CHARTS, start = performance.now();
  const look = () => {
    if (charts() !== before) requestAnimationFrame(() => done(performance.now()));
    else if (performance.now() - start > 10000) fail(new Error('nothing was painted within 10 s'));
    else requestAnimationFrame(look);
  };
  look();
})""".replace("CHARTS", CHARTS)


def cold_start(folder: Path, browser: Any) -> dict[str, float]:
    """Seconds from starting the process to the first page being interactive and to the first heatmap of a lesson."""
    with serve(folder, wait=False) as server:
        page = browser.new_page()
        _open(page, server.url)
        page.get_by_text("Where to begin").wait_for(timeout=60_000)
        page.get_by_test_id("stSidebar").get_by_text("Picture", exact=True).wait_for()
        interactive = time.monotonic() - server.started
        page.get_by_test_id("stTopNavSection").first.click()
        page.get_by_test_id("stTopNavDropdownLink").get_by_text("Heads", exact=True).click()
        page.locator(MAP).first.wait_for(timeout=60_000)
        heatmap = time.monotonic() - server.started
        page.close()
        return {"cold start to interactive": interactive, "cold start to heatmap": heatmap}


def _open(page: Page, url: str) -> None:
    """Open a page of a server that may not be listening yet."""
    for _ in range(600):
        try:
            page.goto(url, wait_until="commit")
            return
        except Exception:  # refused until the server listens
            time.sleep(0.02)
    raise RuntimeError("the server never listened")


MAP = ".js-plotly-plot .heatmaplayer image, .js-plotly-plot .imagelayer image"
PHOTOGRAPH = "playground?model=photo-dino&picture=coffee"


def photograph(folder: Path, browser: Any) -> dict[str, float]:
    """Seconds from starting the process to the first map of a photograph, and from a phone's photograph to its map.

    The photograph given has 12 megapixels and lies on its side, as its EXIF entry says.
    """
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    phone = folder / "phone.jpg"
    open_picture("coffee").image.resize((4032, 3024)).save(phone, exif=exif, quality=90)
    with serve(folder, wait=False) as server:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        _open(page, f"{server.url}/{PHOTOGRAPH}")
        page.locator(MAP).first.wait_for(timeout=60_000)
        first = time.monotonic() - server.started
        page.wait_for_timeout(3000)
        before, start = page.evaluate(CHARTS), time.monotonic()
        page.locator(".st-key-playground_upload input[type=file]").set_input_files(phone)
        page.evaluate(PAINTED, before)
        upload = time.monotonic() - start
        page.close()
        return {
            "cold start to the first map of a photograph": first,
            "to the map of an upload of 12 megapixels": upload,
        }


def clicks(page: Page, count: int, warm: int = 12) -> tuple[list[float], int]:
    """Milliseconds from pressing an arrow key on the layer slider to the painted change, and bytes received in all."""
    received = [0]
    page.on(
        "websocket", lambda ws: ws.on("framereceived", lambda data: received.__setitem__(0, received[0] + len(data)))
    )
    page.reload()
    page.locator(MAP).first.wait_for(timeout=60_000)
    page.wait_for_timeout(2500)
    handle = page.get_by_test_id("stSidebar").get_by_role("slider").first
    handle.focus()
    for number in range(warm):  # 12: every layer once, for cached records and a warm browser
        page.keyboard.press("ArrowLeft" if number < warm / 2 else "ArrowRight")
        page.wait_for_timeout(350)
    taken = []
    received[0] = 0
    for number in range(count):
        before = page.evaluate(CHARTS)
        start = page.evaluate("() => performance.now()")
        page.keyboard.press("ArrowLeft" if number % 8 < 4 else "ArrowRight")
        taken.append(page.evaluate(PAINTED, before) - start)
        page.wait_for_timeout(250)
    return taken, received[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--clicks", type=int, default=40)
    parser.add_argument("--pages", nargs="*", default=["heads", "layers", "playground", PHOTOGRAPH])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        for kind, values in _starts(folder, browser, args.starts).items():
            print(f"{kind}: median {statistics.median(values):.1f} s of {[round(v, 1) for v in values]}")
        with serve(folder) as server:
            for where in args.pages:
                _report(browser, f"{server.url}/{where}", args.clicks)
            print(f"server peak memory: {server.peak_memory() / 1e6:.0f} MB")
            # Every layer is another record there: each click waits for the model.
            _report(browser, f"{server.url}/{PHOTOGRAPH}&grid=37", min(args.clicks, 8), warm=0)
        browser.close()


def _report(browser: Any, url: str, count: int, warm: int = 12) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(url)
    taken, received = clicks(page, count, warm)
    ordered = sorted(taken)
    print(
        f"{url.rpartition('/')[2]}: click to painted p50 {statistics.median(ordered):.0f} ms, "
        f"p95 {ordered[int(0.95 * len(ordered))]:.0f} ms, {received / len(taken) / 1000:.0f} kB a click",
        flush=True,
    )
    page.close()


def _starts(folder: Path, browser: Any, count: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for _ in range(count):
        for kind, seconds in (cold_start(folder, browser) | photograph(folder, browser)).items():
            found.setdefault(kind, []).append(seconds)
    return found


if __name__ == "__main__":
    main()
