"""`python -m benchmarks.capture`: what capturing all 12 x 12 maps of ViT-B/16 costs, in one process, interleaved."""

from __future__ import annotations

import argparse

import torch

import vit_attention as va
from benchmarks.timing import medians, table
from vit_attention import compat  # noqa: F401


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    from torchvision.models import vit_b_16
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    model = vit_b_16().eval().requires_grad_(False)
    sdpa = ViTModel(ViTConfig()).eval().requires_grad_(False)
    eager = ViTModel._from_config(ViTConfig(), attn_implementation="eager").eval().requires_grad_(False)
    pixels = torch.randn(1, 3, 224, 224)

    def plain() -> None:
        with torch.inference_mode():
            model(pixels)

    def captured() -> list[torch.Tensor]:
        with torch.inference_mode(), va.capture(model) as seen:
            model(pixels)
        return [one.weights for one in seen]

    def hf_plain() -> None:
        with torch.inference_mode():
            sdpa(pixels)

    def hf_captured() -> list[torch.Tensor]:
        with torch.inference_mode(), va.capture(sdpa) as seen:
            sdpa(pixels)
        return [one.weights for one in seen]

    def hf_eager() -> object:
        with torch.inference_mode():
            return eager(pixels, output_attentions=True).attentions

    runs = {
        "torchvision ViT-B/16, plain forward": plain,
        "torchvision ViT-B/16, all maps captured and proved": captured,
        "transformers ViT-B/16 (sdpa), plain forward": hf_plain,
        "transformers ViT-B/16 (sdpa), all maps captured and proved": hf_captured,
        "transformers ViT-B/16, eager with output_attentions=True": hf_eager,
    }
    took = medians(runs, args.rounds)
    base = took["torchvision ViT-B/16, plain forward"]
    rows = [(name, f"{seconds * 1000:.0f} ms", f"{seconds / base:.2f}") for name, seconds in took.items()]
    print(table(f"Batch 1, {args.threads} threads, medians of {args.rounds} interleaved rounds:", rows, ("work", "time", "times the plain forward")))  # fmt: skip


if __name__ == "__main__":
    main()
