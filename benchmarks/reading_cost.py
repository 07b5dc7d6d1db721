"""`python -m benchmarks.reading_cost`: what capture costs while reading, and the memory of a page at donut-base's size.

The time is a ratio within one run: reading receipts with receipt-donut, plain `generate` of the library against `attend`
with every cross-attention and self-attention map kept and proved. The memory is that of one page of 2560 x 1920 pixels
through a network of donut-base's configuration with random weights, in a process of its own: peak minus what the loaded
model takes.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import vit_attention as va
from benchmarks.timing import medians, table
from vit_attention import compat  # noqa: F401
from vit_attention.models.generation import prompt_ids
from worlds.receipts import receipt


def time_reading(rounds: int) -> str:
    """The table of the small reader."""
    model: Any = va.load("receipt-donut")
    page = receipt(3, 5)
    start = torch.tensor([prompt_ids(model.tokenizer, page.task)])
    pixels = model.prepare(page.picture).pixels

    def plain() -> Any:
        with torch.inference_mode():
            return model.module.generate(
                pixel_values=pixels,
                decoder_input_ids=start,
                max_length=model.longest,
                do_sample=False,
                pad_token_id=0,
                eos_token_id=2,
                bad_words_ids=[[model.tokenizer.unk_token_id]],
            )

    took = medians({"generate alone": plain, "attend, all maps kept": lambda: model.attend(page.picture)}, rounds)
    base = took["generate alone"]
    rows = [(name, f"{s * 1000:.0f} ms", f"{s / base:.2f}") for name, s in took.items()]
    return table(f"receipt-donut, 5 articles, medians of {rounds} interleaved rounds:", rows, ("work", "time", "ratio"))


def large_network() -> Any:
    """donut-base's configuration (its config.json on the hub) with random weights, and a reader around it."""
    from transformers import (
        DonutImageProcessor,
        DonutSwinConfig,
        DonutSwinModel,
        MBartConfig,
        MBartForCausalLM,
        VisionEncoderDecoderModel,
    )

    from training.receipt_tokens import build
    from vit_attention.inputs.processor import Processor
    from vit_attention.models.reader import ReadingModel

    encoder = DonutSwinConfig(
        image_size=[2560, 1920],
        patch_size=4,
        embed_dim=128,
        depths=[2, 2, 14, 2],
        num_heads=[4, 8, 16, 32],
        window_size=10,
    )
    settings: dict[str, Any] = {
        "vocab_size": 57525,
        "d_model": 1024,
        "decoder_layers": 4,
        "decoder_attention_heads": 16,
        "decoder_ffn_dim": 4096,
        "max_position_embeddings": 1536,
        "is_decoder": True,
        "add_cross_attention": True,
        "add_final_layer_norm": True,
        "scale_embedding": True,
        "forced_eos_token_id": None,
    }
    decoder = MBartConfig(**settings)
    module = VisionEncoderDecoderModel(encoder=DonutSwinModel(encoder), decoder=MBartForCausalLM(decoder))
    recipe = Processor(DonutImageProcessor(size={"height": 2560, "width": 1920}, do_align_long_axis=True))
    return ReadingModel(va.card("donut-base"), module, build(), recipe, "<s_receipt>", "")


def peak() -> float:
    """Largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_memory(tokens: int) -> None:
    """Print the memory and the time of one large page; for a process of its own."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    torch.manual_seed(0)
    reader = large_network()
    loaded = peak()
    page = Image.fromarray(np.random.default_rng(0).integers(0, 255, (1280, 960, 3), dtype=np.uint8))
    started = time.perf_counter()
    ready = reader.page(page)
    encoded, at = peak(), time.perf_counter()
    record = reader.attend(ready, max_tokens=tokens)
    print(
        f"donut-base's configuration, {sum(p.numel() for p in reader.module.parameters()) / 1e6:.0f} M random weights: loaded "
        f"{loaded:.0f} MiB; encoding a page of 2560 x 1920 adds {encoded - loaded:.0f} MiB at the peak ({at - started:.0f} s); "
        f"reading {len(record.prediction.tokens)} tokens and keeping {record.nbytes / 2**20:.0f} MiB of maps adds "
        f"{peak() - loaded:.0f} MiB in all ({time.perf_counter() - at:.0f} s)."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tokens", type=int, default=200, help="length of the large page's reading")
    parser.add_argument("--large", action="store_true", help="only the large page, in this process")
    args = parser.parse_args()
    if args.large:
        measure_memory(args.tokens)
        return
    print(time_reading(args.rounds), flush=True)
    command = [sys.executable, "-m", "benchmarks.reading_cost", "--large", "--tokens", str(args.tokens)]
    subprocess.run(command, check=True, cwd=Path(__file__).resolve().parent.parent)


if __name__ == "__main__":
    main()
