"""Opens the app in a real Chromium and reads what is painted: colours from screenshots, boxes from the page."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.server import CHROMIUM, CHROMIUM_FLAGS, Server, serve
from tutorials.lessons import lessons

LIMIT = 60.0
"""Seconds that anything may take: the machine may be slow and busy."""

# The page has its title, the script has ended, nothing on the page is left over from the run before, and every figure is drawn.
SETTLED = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  return app && document.querySelector('h1') && app.dataset.testScriptState === 'notRunning' && app.dataset.testConnectionState === 'CONNECTED'
    && !document.querySelector('[data-testid=stSkeleton], [data-stale=true], .sightlines-waiting')
    && [...document.querySelectorAll('[data-testid=stPlotlyChart]')].every(c => c.querySelector('.main-svg'));
}"""


class Visit:
    """One visitor's tab, with everything it asked for and everything that went wrong.

    Attributes:
        page: Playwright's page.
        requests: every address asked for, websockets included.
        sent: number of messages the browser has sent on websockets.
        problems: dialogs and uncaught errors of scripts.
    """

    def __init__(self, context: Any, url: str) -> None:
        self.context, self.url = context, url
        self.page = context.new_page()
        self.requests: list[str] = []
        self.sent = 0
        self.problems: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", self._socket)
        self.page.on("dialog", self._dialog)
        self.page.on("pageerror", self._error)

    def _socket(self, socket: Any) -> None:
        self.requests.append(socket.url)
        socket.on("framesent", lambda _: setattr(self, "sent", self.sent + 1))

    def _dialog(self, dialog: Any) -> None:
        self.problems.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _error(self, error: Any) -> None:
        if str(error) != "undefined":  # plotly.js rejects a promise with nothing when a film is paused
            self.problems.append(f"error of a script: {error}")

    def quiet(self) -> int:
        """Wait until nothing was sent for a second, so that what a page sends by itself is not counted; how many messages were sent."""
        before = -1
        while before != self.sent:
            before = self.sent
            self.page.wait_for_timeout(1000)
        return before

    def open(self, address: str) -> Visit:
        """Go to `address` (page and parameters) and wait until it is drawn; a lesson without any begins at its first step."""
        if address in lessons():
            address = f"{address}?step=1"
        self.page.goto(f"{self.url}/{address}")
        self.settle()
        if address.partition("?")[0] in lessons():
            # A key that comes before the page's program runs is lost, as in life.
            script = "document.documentElement.dataset.sightlines === 'listening'"
            self.until(lambda: self.page.evaluate(script), "a program that listens")
        return self

    def settle(self) -> Visit:
        self.page.wait_for_function(SETTLED, timeout=LIMIT * 1000)
        self.check()  # at once: what follows an exception is only waited for in vain
        return self

    def until(self, found: Callable[[], Any], want: str, limit: float = LIMIT) -> Any:
        """The first true answer of `found`; fails with `want` if there is none in time."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            answer = found()
            # An array's comparison gives numpy's False, which is not Python's.
            if answer is not None and not (isinstance(answer, (bool, np.bool_)) and not answer):
                return answer
            self.page.wait_for_timeout(100)
        raise AssertionError(f"within {limit:.0f} s: want {want}; the address is {self.page.url}")

    def address(self) -> dict[str, str]:
        """The parameters in the address."""
        return {key: values[0] for key, values in parse_qs(urlsplit(self.page.url).query).items()}

    def until_address(self, **want: str) -> None:
        self.until(lambda: want.items() <= self.address().items(), f"the address to carry {want}")
        self.settle()

    def sidebar(self, key: str) -> Any:
        """The control of that key in the sidebar."""
        return self.page.locator(f"[data-testid=stSidebar] .st-key-{key} input").first

    def alerts(self) -> list[str]:
        return [text.strip() for text in self.page.get_by_test_id("stAlert").all_inner_texts()]

    def figure(self, key: str) -> Any:
        return self.page.locator(f".st-key-{key} .js-plotly-plot")

    def screen(self, key: str) -> tuple[NDArray[np.uint8], dict[str, float]]:
        """(height, width, 3) pixels of the picture in the figure of that key, and its box on the screen."""
        script = f"""() => {{
          const picture = document.querySelector('.st-key-{key} .js-plotly-plot .imagelayer image');
          if (!picture) return null;
          picture.scrollIntoView({{block: 'center'}});
          const box = picture.getBoundingClientRect();
          if (box.width < 1 || box.height < 1) return null;  // mounted, but not laid out yet
          return {{x: box.x, y: box.y, width: box.width, height: box.height}};
        }}"""
        box: dict[str, float] = self.until(lambda: self.page.evaluate(script), f"a picture in figure {key}")
        return self.pixels(box), box

    def pixels(self, box: dict[str, float]) -> NDArray[np.uint8]:
        """(height, width, 3) what is painted in that box of the window."""
        image = Image.open(io.BytesIO(self.page.screenshot(clip=box))).convert("RGB")
        return np.asarray(image)

    def cells(self, key: str, rows: int = 14, columns: int = 14) -> NDArray[np.float64]:
        """(rows, columns, 3) mean colour painted in the middle of each patch of a picture that was seen whole."""
        seen, _ = self.screen(key)
        return np.array([[_middle(seen, r, c, rows, columns) for c in range(columns)] for r in range(rows)])

    def until_repainted(self, key: str, before: NDArray[np.float64]) -> NDArray[np.float64]:
        """The colours of the patches as soon as they clearly differ from `before`."""

        def look() -> NDArray[np.float64] | None:
            now = self.cells(key)
            return now if np.abs(now - before).max() > 12 else None

        return np.asarray(self.until(look, f"figure {key} painted anew"))

    def strongest(self, key: str) -> tuple[int, int]:
        """Row and column (0 first) of the brightest patch; with the map at full opacity that is the strongest."""
        light = self.cells(key) @ (0.2126, 0.7152, 0.0722)
        row, column = np.unravel_index(int(light.argmax()), light.shape)
        return int(row), int(column)

    def foreign(self) -> list[str]:
        """Addresses asked for, or named as icon, that are not the server's."""
        icons = self.page.eval_on_selector_all(
            "link[rel~=icon], link[rel=stylesheet]", "all => all.map(one => one.href)"
        )
        ours = urlsplit(self.url).netloc
        other = [url for url in (*self.requests, *icons) if urlsplit(url).netloc != ours]
        return [url for url in other if not url.startswith(("data:", "blob:", "about:"))]

    def save(self, button: str, folder: Path) -> Path:
        """The file behind a button of the page's export."""
        place = self.page.get_by_role("button", name=button, exact=True)
        if not place.is_visible():
            self.page.get_by_text("Export", exact=True).click()
        place.wait_for(timeout=LIMIT * 1000)
        with self.page.expect_download(timeout=LIMIT * 1000) as arriving:
            place.click()
        path = folder / arriving.value.suggested_filename
        arriving.value.save_as(path)
        return path

    def check(self) -> None:
        """What must hold on every page at every time."""
        assert not self.problems, self.problems
        assert not self.foreign(), f"asked outside: {self.foreign()}"
        failed = self.page.get_by_test_id("stException").all_inner_texts()
        assert not failed, failed
        assert not re.search(r"Traceback \(most recent call last\)", self.page.inner_text("body"))


def _middle(seen: NDArray[np.uint8], row: int, column: int, rows: int, columns: int) -> NDArray[np.float64]:
    high, wide = seen.shape[0] / rows, seen.shape[1] / columns
    top, left = round((row + 0.3) * high), round((column + 0.3) * wide)
    part = seen[top : round((row + 0.7) * high) + 1, left : round((column + 0.7) * wide) + 1]
    return np.asarray(part.reshape(-1, 3).mean(axis=0))


def _missing() -> str:
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed"
    return "" if Path(CHROMIUM).exists() else f"there is no Chromium at {CHROMIUM}"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser; skips, or fails where browser tests are required, if something is missing."""
    missing = _missing()
    if missing and os.environ.get("SIGHTLINES_BROWSER") == "required":
        pytest.fail(f"browser tests are required, but {missing}")
    if missing:
        pytest.skip(missing)
    return CHROMIUM


# Not for the whole session: while Playwright runs, no other test of this process could start an event loop.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def phone() -> dict[str, Any]:
    """Options of a context that is, and says that it is, a phone."""
    agent = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
    return {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "user_agent": agent}


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a server under test runs with: one thread, an empty cache of its own, no hub."""
    cache = str(tmp_path_factory.mktemp("cache"))
    return {"OMP_NUM_THREADS": "1", "SIGHTLINES_CACHE": cache, "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="session")
def server(chromium: str, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not ask for a cold one."""
    with serve(tmp_path_factory.mktemp("server"), environment=environment) as running:
        yield running


@pytest.fixture
def cold(chromium: str, environment: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    """A server that no session has ever visited."""
    with serve(tmp_path, environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def room(browser: Any) -> Iterator[Callable[..., Any]]:
    """``room(has_touch=True)``: the browser context of these options; tabs in it share the app's files, as a second visit does."""
    kept: dict[str, Any] = {}

    def context(**options: Any) -> Any:
        name = repr(sorted(options.items()))
        if name not in kept:
            kept[name] = browser.new_context(**options)
        return kept[name]

    yield context
    for one in kept.values():
        one.close()


@pytest.fixture
def visits() -> Iterator[list[Visit]]:
    """The visits of a test; at the end each is checked and its tab closed."""
    kept: list[Visit] = []
    yield kept
    try:
        for one in kept:
            one.check()
    finally:
        for one in kept:
            one.context.set_offline(False)
            one.page.close()


@pytest.fixture
def newcomer(browser: Any, visits: list[Visit]) -> Callable[..., Visit]:
    """``newcomer(server, "heads?layer=3")``: a visit by a browser that has never been there."""

    def open_page(server: Server, address: str, **options: Any) -> Visit:
        visits.append(Visit(browser.new_context(**options), server.url))
        return visits[-1].open(address)

    return open_page


@pytest.fixture
def visit(room: Callable[..., Any], visits: list[Visit], server: Server) -> Callable[..., Visit]:
    """``visit("heads?layer=3")``: a session of its own in a fresh tab, on the shared, warm server."""

    def open_page(address: str, **options: Any) -> Visit:
        size = options.pop("viewport", {"width": 1366, "height": 768})
        scheme = options.pop("color_scheme", "light")
        visits.append(Visit(room(**options), server.url))
        visits[-1].page.set_viewport_size(size)
        visits[-1].page.emulate_media(color_scheme=scheme)
        return visits[-1].open(address)

    return open_page
