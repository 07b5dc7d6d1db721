"""`python -m benchmarks.speed`: every figure of speed over that of a bare page, measured in turns in the same run.

The bare page (`benchmarks.floor_app`) is what Streamlit and Plotly cost at least on this machine, now. Each ratio is the median
of five alternating runs; the bare page against itself, from its own runs, is the error bar.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import sync_playwright

from benchmarks.server import CHROMIUM, CHROMIUM_FLAGS, Server, serve
from benchmarks.visitor import Visitor

FLOOR = "benchmarks/floor_app.py"
PAGES = ("heads?step=2", "layers?step=1", "rollout?step=1", "entropy?step=7", "query?step=1", "playground")
"""Pages with a layer slider, in their default views but for heads and entropy, whose first steps show a grid and no layer."""
OTHERS = (
    *(
        "model?step=1@Block:12",
        "features?step=1",
        "compare",
        "start",
        "reading?step=1@Token:12",
        "fields?step=1@Field:4",
    ),
    *("swin?step=1@Stage:4", "merging?step=3@Stage:4", "refiner?step=1@Refiner layer:3"),
    *("explanation?step=1", "trial?step=1", "sanity?step=4@Strongest patches:12"),
)
"""Those of the others with a slider whose processor time is measured too: address, the slider's label, and its values."""
ROUNDS, MOVES, LAYERS = 5, 8, 12

# Times, from the key on, of the first and the last frame in which a chart of the page differs from before.
WATCH = """(settled) => new Promise((done) => {
  const charts = () => [...document.querySelectorAll('.js-plotly-plot')].map((p) => {
    const heat = (p.data || []).find((one) => one.type === 'heatmap'), z = heat && heat.z;
    const seen = z && (z.bdata || z._inputArray && z._inputArray.bdata || JSON.stringify(Array.from(z[0] || []).slice(0, 8)));
    return (p.querySelector('.main-svg') || {}).textContent + seen;
  }).join('|');
  let before = charts(), start = 0, first = 0, last = 0;
  document.addEventListener('keydown', () => { start = performance.now(); }, { capture: true, once: true });
  const look = () => {
    const now = charts(), at = performance.now();
    if (start && now !== before) { before = now; last = at - start; first = first || last; }
    if (start && at - start > settled) done([first, last]); else requestAnimationFrame(look);
  };
  look();
})"""


class Painted(NamedTuple):
    """Milliseconds from a key on the slider to the first and to the last figure painted."""

    first: float
    last: float


def painted(page: Any, settled: int) -> list[Painted]:
    """What moving the slider of an open page takes, once a move."""
    handle = page.locator(".st-key-layer input[type=range]").first
    handle.focus()
    found = []
    for number in range(MOVES):
        watching = page.evaluate_handle(f"() => {{ window.watched = ({WATCH})({settled}); }}")
        watching.dispose()
        page.keyboard.press("ArrowLeft" if number % 8 < 4 else "ArrowRight")
        first, last = page.evaluate("() => window.watched")
        if first:
            found.append(Painted(first, last))
    return found


def paint(browser: Any, floor: Server, app: Server, pages: Sequence[str]) -> dict[str, list[list[Painted]]]:
    """Page to one list of moves for each round; the floor, "", leads each round."""
    found: dict[str, list[list[Painted]]] = {name: [] for name in ("", *pages)}
    opened = {}
    for name in found:
        opened[name] = browser.new_page(viewport={"width": 1366, "height": 768})
        opened[name].goto(f"{app.url}/{name}" if name else floor.url)
        opened[name].locator(".js-plotly-plot .main-svg").first.wait_for(timeout=90_000)
        opened[name].wait_for_timeout(2500)
        painted(opened[name], 500)  # every layer once: cached numbers and a warm browser
    for _ in range(ROUNDS):
        for name, page in opened.items():
            page.bring_to_front()
            found[name].append(painted(page, 700 if name else 400))
    for page in opened.values():
        page.close()
    return found


async def _cost(server: Server, visitor: Visitor, most: int, moves: int = 24) -> float:
    start = server.cpu()
    for number in range(moves):
        await visitor.move(1 + number % most)
    return (server.cpu() - start) / moves


async def cost(floor: Server, app: Server, pages: Sequence[str]) -> dict[str, list[float]]:
    """Page to the seconds of processor time of a rerun whose numbers are cached, one for each round."""
    visitors = {name: (app, *_visitor(name)) for name in pages} | {"": (floor, *_visitor(""))}
    for server, visitor, most in visitors.values():
        await visitor.enter(server.url)
        for layer in range(1, most + 1):
            await visitor.move(layer)
    found: dict[str, list[float]] = {name: [] for name in ("", *pages)}
    for _ in range(ROUNDS):
        for name in found:
            found[name].append(await _cost(*visitors[name]))
    for _, visitor, _ in visitors.values():
        await visitor.leave()
        assert not visitor.failures, visitor.failures
    return found


def _visitor(asked: str) -> tuple[Visitor, int]:
    """Who moves the slider of ``address@label:values``, "Layer" if none is named; how many values it has."""
    address, _, slider = asked.partition("@")
    label, _, most = slider.partition(":")
    return Visitor(*_split(address), label or "Layer"), int(most or LAYERS)


def _split(address: str) -> tuple[str, str]:
    page, _, query = address.partition("?")
    return page, query


PICTURES = ("coffee", "cat", "rocket", "astronaut", "camera", "chelsea")


async def crowd(server: Server, page: str, count: int, pause: float, changes: int) -> tuple[list[float], list[Visitor]]:
    """Seconds of every change of `count` sessions, each of which changes its layer every `pause` seconds."""
    name, query = _split(page)
    visitors = [Visitor(name, f"{query}&picture={PICTURES[n % len(PICTURES)]}" if name else "") for n in range(count)]
    for visitor in visitors:
        await visitor.enter(server.url)
    clock = random.Random(0)

    async def stay(visitor: Visitor) -> list[float]:
        await asyncio.sleep(clock.random() * pause)
        taken = []
        for _ in range(changes):
            taken.append(await visitor.move(clock.randrange(1, LAYERS + 1)))
            await asyncio.sleep(max(0.0, pause * (0.5 + clock.random()) - taken[-1]))
        return taken

    times = await asyncio.gather(*(stay(visitor) for visitor in visitors))
    for visitor in visitors:
        await visitor.leave()
    return [one for taken in times for one in taken], visitors


def mixed(visitors: Sequence[Visitor]) -> int:
    """How many charts of two sessions with one picture and one layer differ: maps of somebody else."""
    known: dict[tuple[str, int], str] = {}
    wrong = 0
    for visitor in visitors:
        for layer, digest in visitor.charts.items():
            wrong += layer > 0 and known.setdefault((visitor.query, layer), digest) != digest
    return wrong


def cold(folder: Path, browser: Any, script: str, address: str) -> float:
    """Seconds from starting the server to the first figure painted on a page opened by its address."""
    with serve(folder, wait=False, script=script) as server:
        page = browser.new_page()
        for _ in range(1200):
            try:
                page.goto(f"{server.url}/{address}", wait_until="commit")
                break
            except Exception:  # refused until the server listens
                time.sleep(0.02)
        page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=90_000)
        taken = time.monotonic() - server.started
        page.close()
        return taken


def ratio(own: Sequence[float], floor: Sequence[float]) -> str:
    """The median of the ratios of paired runs, and the two medians."""
    shares = [one / other for one, other in zip(own, floor, strict=True)]
    return f"{statistics.median(shares):.2f}"


def row(name: str, own: Sequence[float], floor: Sequence[float], unit: float = 1.0, digits: int = 0) -> str:
    both = (f"{statistics.median(values) * unit:.{digits}f}" for values in (own, floor))
    return f"| {name} | {' | '.join(both)} | {ratio(own, floor)} |"


def spread(floor: Sequence[float]) -> str:
    """The error bar: how far the floor's own runs lie from their median."""
    middle = statistics.median(floor)
    return f"{min(floor) / middle:.2f} to {max(floor) / middle:.2f}"


def p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


HEAD = "| | app | floor | ratio |\n| --- | --- | --- | --- |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", nargs="*", default=PAGES)
    parser.add_argument("--parts", nargs="*", default=["paint", "cpu", "crowd", "cold"])
    parser.add_argument("--sessions", type=int, default=30)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, both(Path(name)) as (floor, app):
        if "cpu" in args.parts:
            _print_cpu(asyncio.run(cost(floor, app, [*args.pages, *OTHERS])))
        if "crowd" in args.parts:
            _print_crowds(floor, app, args.sessions)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder, browser = Path(name), playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        if "paint" in args.parts:
            with both(folder) as (floor, app):
                _print_paint(paint(browser, floor, app, args.pages))
        if "cold" in args.parts:
            _print_cold(folder, browser)
        browser.close()


@contextmanager
def both(folder: Path) -> Iterator[tuple[Server, Server]]:
    """The bare page and the app, each on a server of its own."""
    one = {"OMP_NUM_THREADS": "1"}
    with serve(folder, environment=one, script=FLOOR) as floor, serve(folder, environment=one) as app:
        yield floor, app


def _print_cpu(found: dict[str, list[float]]) -> None:
    print(f"\nProcessor time of a rerun whose numbers are cached, ms (floor's own runs {spread(found[''])})\n\n{HEAD}")
    for name, own in found.items():
        print(row(name or "floor", own, found[""], 1000, 1))


def _print_paint(found: dict[str, list[list[Painted]]]) -> None:
    kinds = {
        "first figure painted, median": lambda moves: statistics.median(one.first for one in moves),
        "first figure painted, p95": lambda moves: p95([one.first for one in moves]),
        "last figure painted, median": lambda moves: statistics.median(one.last for one in moves),
    }
    for kind, reduce in kinds.items():
        values = {name: [reduce(moves) for moves in rounds] for name, rounds in found.items()}
        print(f"\nChange of the layer's slider to the {kind}, ms (floor's own runs {spread(values[''])})\n\n{HEAD}")
        for name, own in values.items():
            print(row(name or "floor", own, values[""]))


def _print_crowds(floor: Server, app: Server, count: int) -> None:
    for pause, changes in ((5.0, 6), (1.0, 15)):
        print(f"\n{count} sessions, a change every {pause:g} s each: seconds on the server, ms\n\n{HEAD}")
        bare, _ = asyncio.run(crowd(floor, "", count, pause, changes))
        for page in ("heads?step=2", "layers?step=1"):
            own, visitors = asyncio.run(crowd(app, page, count, pause, changes))
            wrong, failed = mixed(visitors), sum(len(one.failures) for one in visitors)
            for kind, reduce in (("p50", statistics.median), ("p95", p95)):
                print(row(f"{page}, {kind}", [reduce(own)], [reduce(bare)], 1000))
            print(f"| {page}: {wrong} maps mixed, {failed} failed | | | |")


def _print_cold(folder: Path, browser: Any) -> None:
    runs: dict[str, list[float]] = {"floor": [], "first page": [], "heads by its link": []}
    for _ in range(ROUNDS):
        runs["floor"].append(cold(folder, browser, FLOOR, ""))
        runs["first page"].append(cold(folder, browser, "app.py", ""))
        runs["heads by its link"].append(cold(folder, browser, "app.py", "heads?step=2"))
    print(f"\nCold start to the first figure, s (floor's own runs {spread(runs['floor'])})\n\n{HEAD}")
    for name, own in runs.items():
        print(row(name, own, runs["floor"], 1, 2))


if __name__ == "__main__":
    main()
