"""`python -m benchmarks.upload`: from a phone's photograph to its map, and what a change of layer sends to the browser."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.server import CHROMIUM, CHROMIUM_FLAGS, Server, serve
from benchmarks.speed import LAYERS, PAGES
from benchmarks.visitor import Visitor
from vit_attention.inputs.pictures import open_picture

ROUNDS = 3
PICTURE = ".js-plotly-plot .imagelayer image"
OTHER = f"(before) => (document.querySelector('{PICTURE}') || {{href: {{}}}}).href.baseVal !== before"
"""Whether the figure stands on another picture than before."""


def phone(folder: Path, number: int) -> Path:
    """A photograph of 12 megapixels that lies on its side, as its EXIF entry says; each number is another file."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    file = folder / f"phone-{number}.jpg"
    open_picture("coffee").image.resize((4032, 3024)).save(file, exif=exif, quality=90 + number)
    return file


def uploaded(server: Server, browser: Any, file: Path) -> float:
    """Seconds from giving the file to the figure that stands on it."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.goto(f"{server.url}/playground")
    page.locator(PICTURE).first.wait_for(timeout=90_000)
    page.wait_for_timeout(3000)
    before, start = page.evaluate(f"() => document.querySelector('{PICTURE}').href.baseVal"), time.monotonic()
    page.locator(".st-key-playground_upload input[type=file]").set_input_files(file)
    page.wait_for_function(OTHER, arg=before, timeout=60_000)
    taken = time.monotonic() - start
    page.close()
    return taken


async def sent(server: Server, page: str) -> float:
    """Bytes that a change of layer sends, on average over every layer."""
    name, _, query = page.partition("?")
    visitor = Visitor(name, query)
    await visitor.enter(server.url)
    before = visitor.received
    for layer in range(1, LAYERS + 1):
        await visitor.move(layer)
    await visitor.leave()
    return (visitor.received - before) / LAYERS


def main() -> None:
    with tempfile.TemporaryDirectory() as name, serve(Path(name)) as server:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
            taken = [uploaded(server, browser, phone(Path(name), number)) for number in range(ROUNDS)]
            browser.close()
        print(f"photograph of 12 megapixels to its map: median {statistics.median(taken):.1f} s of {ROUNDS}")
        for page in PAGES:
            print(f"{page}: {asyncio.run(sent(server, page)) / 1000:.0f} kB a change of layer", flush=True)


if __name__ == "__main__":
    main()
