"""`python -m benchmarks.memory`: peak memory of a server on which every page is opened, with scene-vit or ViT-B/16.

First one person opens every bundled model in turn. After scene-vit's pages two people look at photographs in 37 x 37 patches with photo-dino, at the same time. ViT-B/16's
published weights are not needed: a seeded checkpoint of the same shape and size stands in for them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.server import CHROMIUM, CHROMIUM_FLAGS, ROOT, Server, serve

FILES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
READ = ("asking", "captions", "fields", "merging", "reading", "refiner", "sentence", "swin")
"""Pages whose models need the transformers library, whose import alone takes 135 MB."""
PAGES = [name for name in FILES if name not in READ]

PHOTOGRAPHS = ("coffee", "astronaut")
LOOKS = (
    {"method": "one layer"},
    {"method": "rollout"},
    {"method": "rollout", "ask": "patch"},
    {"method": "principal components"},
    {"method": "likeness", "ask": "patch"},
)
"""What either person looks at in the playground, one after the other."""

IN_TURN: tuple[tuple[str, dict[str, str]], ...] = (
    ("playground", {"model": "scene-vit", "method": "relevance"}),
    ("playground", {"model": "photo-dino", "picture": "coffee"}),
    ("reading", {"step": "1"}),
    ("captions", {"step": "1"}),
    ("playground", {"model": "scene-clip", "method": "label similarity, value-value", "all_labels": "true"}),
    ("playground", {"model": "scene-clip", "method": "relevance"}),
    ("playground", {"model": "review-encoder", "method": "masking"}),
    ("playground", {"model": "review-encoder", "text": "good soup. " * 170, "pairs": "all layers and heads"}),
    ("playground", {"model": "scene-vit", "picture": "scene-11"}),
    ("playground", {"model": "photo-dino", "picture": "astronaut"}),
)
"""Every bundled model, one after the other, and the first two once more."""

# Written by a process of its own, so that this one's memory does not matter.
STAND_IN = """
import pathlib, sys, torch
from vit_attention import compat
from torchvision.models import vit_b_16
torch.manual_seed(0)
model = vit_b_16()
torch.nn.init.normal_(model.heads.head.weight, std=0.02)
torch.save(model.state_dict(), pathlib.Path(sys.argv[1]) / "vit_b_16-standin.pth")
"""

# Python runs a file of this name at its start: the server then loads the stand-in instead of checking its hash.
AT_START = """
import os, pathlib
from vit_attention import registry
plain = registry.load
file = next(pathlib.Path(os.environ["SIGHTLINES_CACHE"]).glob("*-standin.pth"))
registry.load = lambda name, weights=None, progress=None: plain(name, file if name == "vit-b-16" else weights, progress)
"""


Peak = tuple[int, int]
"""Largest resident memory of a server so far, and pages of files in it, in bytes."""


def visit(folder: Path, model: str, environment: dict[str, str], photographs: bool = False) -> list[Peak]:
    """Open every page once with `model`: the server's peak memory before those of section Read, and after.

    With `photographs`, two sessions with photo-dino follow, and the peak after them.
    """
    with serve(folder, environment=environment) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        peaks = []
        for name in (*PAGES, *READ):
            if name == READ[0]:
                peaks.append((server.peak_memory(), server.file_memory()))
            look(page, f"{server.url}/{name}?model={model}")
        peaks.append((server.peak_memory(), server.file_memory()))
        if photographs:
            _two_sessions(browser, server)
            peaks.append((server.peak_memory(), server.file_memory()))
        browser.close()
        return peaks


def in_turn(folder: Path) -> Peak:
    """Open every bundled model in one session: the server's peak memory."""
    with serve(folder) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        for name, asked in IN_TURN:
            look(page, f"{server.url}/{name}?{urlencode(asked)}")
        found = server.peak_memory(), server.file_memory()
        browser.close()
        return found


def look(page: Page, url: str) -> None:
    """Open a page of the app and wait until its script has ended."""
    page.goto(url)
    page.get_by_role("heading", level=1).wait_for(timeout=60_000)
    page.wait_for_timeout(3000)
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=120_000)


def _two_sessions(browser: Browser, server: Server) -> None:
    """Two people, each with a photograph of their own in 37 x 37 patches, take every look."""
    pages = [browser.new_context(viewport={"width": 1280, "height": 900}).new_page() for _ in PHOTOGRAPHS]
    for way in LOOKS:
        for page, picture in zip(pages, PHOTOGRAPHS, strict=True):
            asked = {"model": "photo-dino", "picture": picture, "grid": "37", **way}
            look(page, f"{server.url}/playground?{urlencode(asked)}")
            page.get_by_text("37 x 37").first.wait_for(timeout=60_000)  # else another number was looked at


def report(name: str, peaks: list[Peak]) -> None:
    """Print the peaks."""
    after = (
        "with every page of Learn, Judge and Explore opened",
        "with those of Read",
        "with two sessions of photo-dino on 37 x 37 patches",
    )
    told = (
        f"{peak / 1e6:.0f} MB ({files / 1e6:.0f} of them pages of files) {words}"
        for (peak, files), words in zip(peaks, after, strict=False)
    )
    print(f"{name}: {', '.join(told)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peak, files = in_turn(folder)
        print(f"every bundled model in turn: {peak / 1e6:.0f} MB ({files / 1e6:.0f} of them pages of files)")
        report("scene-vit", visit(folder, "scene-vit", {}, photographs=True))
        subprocess.run([sys.executable, "-c", STAND_IN, name], check=True, cwd=ROOT, env=os.environ)
        (folder / "sitecustomize.py").write_text(AT_START)
        found = visit(folder, "vit-b-16", {"SIGHTLINES_CACHE": name, "PYTHONPATH": f"{name}{os.pathsep}{ROOT}"})
        report("ViT-B/16 (seeded weights of its shape)", found)


if __name__ == "__main__":
    main()
