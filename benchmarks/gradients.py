"""`python -m benchmarks.gradients`: what methods with gradients cost on ViT-B/16, in turns with its plain forward pass.

Ours are timed whole, from prepared pixels to the map, the record with every weight and its proof included. Beside them, if they are
installed, the packages grad-cam and torchcam, as their documents use them. The plain pass runs twice a round: the ratio of the two is
the error bar of the others. Extra memory is the growth of a process's peak beyond that of its plain passes.
"""

from __future__ import annotations

import argparse
import copy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import vit_attention as va
from benchmarks.timing import medians, table
from visualizer import methods
from vit_attention import compat  # noqa: F401
from vit_attention.adapters.vit_anatomy import anatomy
from vit_attention.inputs.preprocess import Recipe
from vit_attention.models.vision import VisionModel

OURS = ("relevance", "grad-cam", "attnlrp", "cp-lrp")
PLAIN, AGAIN = "plain", "plain again"
PACKAGES = ("package grad-cam", "package torchcam")
TARGET = 7


def network() -> Any:
    """torchvision's ViT-B/16 with seeded weights, and a head that is not zero."""
    from torchvision.models import vit_b_16

    torch.manual_seed(0)
    module = vit_b_16()
    nn.init.normal_(module.heads.head.weight, std=0.02)
    return module.eval().requires_grad_(False)


def ours(module: Any, pixels: Tensor, name: str) -> Callable[[], Any]:
    """A method of ours for every picture of a batch."""
    recipe = Recipe((224, 224), None, (0.5,) * 3, (0.5,) * 3)
    card = replace(va.card("vit-b-16"), name="vit-b-16, seeded")
    model = VisionModel(card, module, anatomy(module, recipe), tuple(map(str, range(1000))), "0" * 64)
    ready = [model.prepare(pixels[n : n + 1]) for n in range(len(pixels))]
    method = methods()[name]
    asked, _ = model.asked(target=TARGET, keep=method.needs, budget=1 << 40)

    def run() -> Any:
        return [method(model.assembled(one, asked)).values for one in model.attend_ready(ready, asked)]

    return run


class Mapped(nn.Module):
    """A norm whose patches go through a place of (batch, features, rows, columns), the only form that torchcam knows."""

    def __init__(self, norm: nn.Module, grid: tuple[int, int]) -> None:
        super().__init__()
        self.norm, self.place, self.grid = norm, nn.Identity(), grid

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm(x)
        cells = self.place(out[:, 1:].mT.unflatten(2, self.grid))
        return torch.cat([out[:, :1], cells.flatten(2).mT], dim=1)


def package(module: Any, pixels: Tensor, name: str) -> Callable[[], Any]:
    """A package's Grad-CAM at the same place, with parameters as its documents leave them, not frozen."""
    theirs = copy.deepcopy(module).requires_grad_(True)
    block = theirs.encoder.layers[-1]
    if name == PACKAGES[0]:
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        cam = GradCAM(theirs, [block.ln_1], reshape_transform=lambda out: out[:, 1:].mT.unflatten(2, (14, 14)))
        return lambda: cam(pixels, [ClassifierOutputTarget(TARGET)] * len(pixels))
    from torchcam.methods import GradCAM as Other

    block.ln_1 = Mapped(block.ln_1, (14, 14))
    other = Other(theirs, target_layer=block.ln_1.place, input_shape=(3, 224, 224))
    return lambda: other(TARGET, theirs(pixels), normalized=False)


def variants(module: Any, pixels: Tensor, names: list[str]) -> dict[str, Callable[[], Any]]:
    """What is to be timed, by name; a package that is not installed is left out."""

    @torch.inference_mode()
    def plain() -> Any:
        return module(pixels)

    found: dict[str, Callable[[], Any]] = {}
    for name in names:
        try:
            made = package(module, pixels, name) if name in PACKAGES else None
        except ImportError:
            print(f"{name} is not installed")
            continue
        found[name] = made or (plain if name in (PLAIN, AGAIN) else ours(module, pixels, name))
    return found


def resident(which: str) -> float:
    """MiB of memory of this process: "VmRSS" now, or "VmHWM", the largest since `forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) / 1024


def forget_peak() -> None:
    """Loading the model took more than any pass; the kernel counts anew from here (Linux alone)."""
    Path("/proc/self/clear_refs").write_text("5")


def extra(name: str, batch: int, calls: int) -> tuple[float, float]:
    """MiB by which calls raise the peak of a process of their own, and by which its memory grows over `calls` more."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.gradients",
        "--peak",
        name,
        "--batch",
        str(batch),
        "--calls",
        str(calls),
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(said[-2]), float(said[-1])


def _peak(name: str, batch: int, calls: int) -> None:
    """What `extra` runs in a process of its own."""
    module, pixels = network(), torch.randn(batch, 3, 224, 224)
    run = variants(module, pixels, [PLAIN, name])
    for _ in range(3):
        run[PLAIN]()
    forget_peak()
    run[PLAIN]()
    before = resident("VmHWM")
    for _ in range(5):
        run[name]()
    first, now = resident("VmHWM"), resident("VmRSS")
    for _ in range(calls):
        run[name]()
    print(f"{first - before:.0f} {resident('VmRSS') - now:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="*", default=[*OURS, *PACKAGES])
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=1, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.peak:
        _peak(args.peak, args.batch, args.calls)
        return
    for batch in args.batches:
        run = variants(network(), torch.randn(batch, 3, 224, 224), [PLAIN, AGAIN, *args.only])
        took = medians(run, args.rounds)
        rows = []
        for name, seconds in took.items():
            grown = extra(name, batch, args.calls if batch == 1 else 3) if name in args.only else ("", "")
            more = [f"{one:.0f}" if isinstance(one, float) else "" for one in grown]
            rows.append((name, f"{seconds * 1000:.0f} ms", f"{seconds / took[PLAIN]:.2f}", *more))
        title = f"Batch {batch}, {args.threads} threads, medians of {args.rounds} interleaved rounds:"
        print(table(title, rows, ("work", "time", "ratio", "extra peak, MiB", "growth over more calls, MiB")))


if __name__ == "__main__":
    main()
