"""`python -m benchmarks.room`: what one more visitor of a class costs the server, in memory and in processor time.

Every visitor opens the same lesson with a scene of their own, which the model has to look at, and then moves the slider of layers.
`vit-attention class` computes from the outcome how many visitors a machine holds.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.server import Server, serve
from benchmarks.visitor import Visitor

VISITORS, FIRST, LAYERS = 30, 2000, 12


class Cost(NamedTuple):
    """Of one more visitor.

    Attributes:
        memory: bytes that stay while the visitor is there.
        entering: seconds of processor time until the first page with a scene that nobody has looked at stands.
        change: seconds of processor time of a change of layer.
    """

    memory: float
    entering: float
    change: float


def _visitor(number: int) -> Visitor:
    return Visitor("heads", f"step=2&model=scene-vit&picture=scene-{FIRST + number}")


async def measured(server: Server, count: int) -> Cost:
    """The mean over `count` visitors, who stay until the last one has come and changed the layer."""
    first = _visitor(-1)
    await first.enter(server.url)  # imports and weights are not a visitor's
    for layer in range(1, LAYERS + 1):
        await first.move(layer)
    memory, start, visitors = server.memory(), server.cpu(), [_visitor(number) for number in range(count)]
    for visitor in visitors:
        await visitor.enter(server.url)
    entered = server.cpu()
    for visitor in visitors:
        for layer in range(1, LAYERS + 1):
            await visitor.move(layer)
    moved, more = server.cpu(), server.memory() - memory
    for visitor in (first, *visitors):
        await visitor.leave()
        assert not visitor.failures, visitor.failures
    return Cost(more / count, (entered - start) / count, (moved - entered) / (count * LAYERS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=VISITORS)
    count = parser.parse_args().visitors
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder), environment={"OMP_NUM_THREADS": "1"}) as server:
        found = asyncio.run(measured(server, count))
    print(f"{count} visitors; of one more of them:")
    print(f"memory {found.memory / 1e6:.1f} MB, entering {found.entering:.2f} s, a change {found.change * 1000:.0f} ms")


if __name__ == "__main__":
    main()
