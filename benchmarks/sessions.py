"""`python -m benchmarks.sessions`: many people at once, as real websocket sessions, each with its own picture.

Every rerun moves one session's layer slider. Server time is from sending the change to the end of the script. Afterwards
a lone session repeats every view; a chart that differs would be a map of somebody else.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.server import serve

PICTURES = ("scene-7", "scene-11", "scene-2", "scene-24", "scene-8", "scene-12")


@dataclass
class Visitor:
    """One simulated browser: what it looks at, how long its reruns took, what charts it was sent."""

    picture: str
    times: list[float] = field(default_factory=list)
    charts: dict[int, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    slider: str = ""
    layer: int = 10
    clock: random.Random = field(default_factory=lambda: random.Random(0))

    def message(self, page: str) -> bytes:
        back = BackMsg()
        back.rerun_script.query_string = f"picture={self.picture}&layer={self.layer}"
        back.rerun_script.page_name = page
        if self.slider:
            state = back.rerun_script.widget_states.widgets.add()
            state.id = self.slider
            state.double_array_value.data.append(self.layer)
        return back.SerializeToString()

    async def finish(self, socket: websockets.ClientConnection) -> None:
        """Read messages until the script has ended; remember the charts and the slider's id."""
        digest = hashlib.sha256()
        while True:
            message = ForwardMsg.FromString(await asyncio.wait_for(socket.recv(decode=False), 60))
            kind = message.WhichOneof("type")
            if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._element(message, digest)
            elif kind == "script_finished" and message.script_finished in (0, 2):
                self.charts[self.layer] = digest.hexdigest()
                return

    def _element(self, message: ForwardMsg, digest: object) -> None:
        element = message.delta.new_element
        what = element.WhichOneof("type")
        if what == "plotly_chart":
            digest.update(element.plotly_chart.spec.encode())  # type: ignore[attr-defined]
        elif what == "exception":
            self.failures.append(element.exception.message)
        elif what == "slider" and element.slider.label == "Layer":
            self.slider = element.slider.id


async def visit(url: str, visitor: Visitor, page: str, reruns: int, pause: float) -> None:
    address = url.replace("http", "ws") + "/_stcore/stream"
    async with websockets.connect(address, subprotocols=[websockets.Subprotocol("streamlit")], max_size=None) as socket:
        await socket.send(visitor.message(page))
        await visitor.finish(socket)
        if not visitor.slider:  # the very first run of a cold server may only hand over to the router
            await socket.send(visitor.message(page))
            await visitor.finish(socket)
        for number in range(reruns):
            await asyncio.sleep(visitor.clock.uniform(0, 2 * pause))
            visitor.layer = (number * 5 + len(visitor.picture)) % 12 + 1
            start = time.perf_counter()
            await socket.send(visitor.message(page))
            await visitor.finish(socket)
            visitor.times.append(time.perf_counter() - start)


async def crowd(url: str, count: int, page: str, reruns: int, pause: float) -> list[Visitor]:
    for picture in PICTURES:  # cached pictures: somebody has been here before
        await visit(url, Visitor(picture), page, 0, 0)
    visitors = [Visitor(PICTURES[n % len(PICTURES)], clock=random.Random(n)) for n in range(count)]
    results = await asyncio.gather(*(visit(url, v, page, reruns, pause) for v in visitors), return_exceptions=True)
    for visitor, result in zip(visitors, results, strict=True):
        if isinstance(result, BaseException):
            visitor.failures.append(repr(result))
    return visitors


async def expected(url: str, page: str, reruns: int) -> dict[tuple[str, int], str]:
    """The charts a lone session is sent for every view."""
    found = {}
    for picture in PICTURES:
        alone = Visitor(picture)
        await visit(url, alone, page, reruns, 0)
        found.update({(picture, layer): chart for layer, chart in alone.charts.items()})
    return found


async def run(url: str, args: argparse.Namespace) -> tuple[list[Visitor], int]:
    visitors = await crowd(url, args.sessions, args.page, args.reruns, args.pause)
    truth = await expected(url, args.page, args.reruns)
    mixed = sum(chart != truth.get((v.picture, layer), chart) for v in visitors for layer, chart in v.charts.items())
    return visitors, mixed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--reruns", type=int, default=15)
    parser.add_argument("--pause", type=float, default=1.0, help="mean seconds between two changes of one session")
    parser.add_argument("--page", default="heads")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server:
        visitors, mixed = asyncio.run(run(server.url, args))
        times = sorted(t for v in visitors for t in v.times)
        failures = [f for v in visitors for f in v.failures]
        print(
            f"{args.sessions} sessions on page {args.page}, {len(times)} reruns: p50 {statistics.median(times) * 1000:.0f} ms, "
            f"p95 {times[int(0.95 * len(times))] * 1000:.0f} ms, failed {len(failures)}, maps mixed {mixed}, "
            f"distinct views {len({c for v in visitors for c in v.charts.values()})}, "
            f"server peak {server.peak_memory() / 1e6:.0f} MB"
        )
        for failure in failures[:3]:
            print(failure)


if __name__ == "__main__":
    main()
