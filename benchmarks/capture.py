"""`python -m benchmarks.capture`: what capturing all 12 x 12 maps of ViT-B/16 costs, in one process, interleaved.

Each library's plain forward pass runs twice a round: the ratio of the two is the error bar of the others.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import vit_attention as va
from benchmarks.timing import medians, table
from vit_attention import compat  # noqa: F401


def networks() -> dict[str, nn.Module]:
    """ViT-B/16 of three libraries, random weights."""
    import timm
    from torchvision.models import vit_b_16
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    found = {
        "torchvision": vit_b_16(),
        "transformers (sdpa)": ViTModel(ViTConfig()),
        "timm": timm.create_model("vit_base_patch16_224", pretrained=False),
    }
    return {name: module.eval().requires_grad_(False) for name, module in found.items()}


def runs(module: nn.Module, pixels: torch.Tensor) -> dict[str, Callable[[], Any]]:
    """The plain forward pass, the same again, and the captured one."""

    @torch.inference_mode()
    def plain() -> Any:
        return module(pixels)

    @torch.inference_mode()
    def captured() -> Any:
        with va.capture(module) as seen:
            module(pixels)
        return seen

    return {"plain": plain, "plain again": plain, "captured and proved": captured}


def measure(batch: int, rounds: int, threads: int) -> str:
    """The table of one batch size."""
    pixels = torch.randn(batch, 3, 224, 224)
    rows = []
    for name, module in networks().items():
        took = medians(runs(module, pixels), rounds)
        rows += [
            (name, work, f"{seconds * 1000:.0f} ms", f"{seconds / took['plain']:.3f}") for work, seconds in took.items()
        ]
    title = f"Batch {batch}, {threads} threads, medians of {rounds} interleaved rounds:"
    return table(title, rows, ("ViT-B/16 of", "work", "time", "ratio"))


def peak() -> float:
    """Largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory() -> str:
    """What a capture adds to the peak of the plain pass, beyond the maps it keeps."""
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    run = runs(ViTModel(ViTConfig()).eval().requires_grad_(False), torch.randn(8, 3, 224, 224))
    for _ in range(3):
        run["plain"]()
    before = peak()
    seen = run["captured and proved"]()
    maps = sum(one.weights.nbytes for one in seen) / 2**20
    scores = 12 * 197 * 197 * 4 / 2**20
    return (
        f"Batch 8: {maps:.0f} MiB of maps raise the peak by {peak() - before:.0f} MiB; one layer's scores of one picture "
        f"are {scores:.1f} MiB."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--rounds-8", type=int, default=8, help="rounds of batch 8")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(memory(), flush=True)
    print(measure(1, args.rounds, args.threads), flush=True)
    print(measure(8, args.rounds_8, args.threads))


if __name__ == "__main__":
    main()
