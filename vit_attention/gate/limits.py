"""How large things from outside may be, in one table, each with its reason."""

from dataclasses import dataclass

from vit_attention.gate.refusal import GateError


@dataclass(frozen=True)
class Limit:
    """One bound.

    Attributes:
        most: the largest value that is let in.
        unit: what it counts.
        reason: why it is where it is.
    """

    most: int
    unit: str
    reason: str

    def check(self, value: int, file: str, field: str = "", advice: str = "") -> None:
        """Refuse, with a `GateError`, a value beyond the bound."""
        if value > self.most:
            raise GateError(file, f"at most {self.most:,} {self.unit}", f"{value:,}", field=field, advice=advice)


LIMITS: dict[str, Limit] = {
    "settings file": Limit(4 << 20, "bytes", "a config.json with 20,000 class names has 1.5 MB"),
    "vocabulary file": Limit(64 << 20, "bytes", "the tokenizer.json of a vocabulary of 256,000 has 33 MB"),
    "bundle": Limit(1 << 30, "bytes unpacked", "all maps of ViT-L/16 at 384 pixels in float32 take 0.5 GB"),
    "bundle entries": Limit(4096, "entries", "100 layers with gradients, queries, keys and values have 500"),
    "features file": Limit(
        64 << 20, "bytes", "100 regions of 2048 numbers have 0.8 MB, a picture beside them some more"
    ),
    "feature numbers": Limit(4 << 20, "numbers", "1024 cells of 4096, twice the width of any published network's"),
    "regions": Limit(100, "regions", "detectors for captions keep 10 to 100 (Anderson et al. 2018)"),
    "region cells": Limit(1024, "cells of a grid", "published grids have 14 x 14"),
    "picture pixels": Limit(25_000_000, "pixels", "decoded to RGB they take 75 MB, a tenth of a small server"),
    "picture file": Limit(256 << 20, "bytes", "a photograph of 200 megapixels has 50 to 100 MB"),
    "pixels in a file": Limit(200_000_000, "pixels", "the largest cameras of phones have 200 megapixels"),
    "memory beside a picture": Limit(
        100_000_000, "bytes", "25 megapixels with opacity take that before they are drawn"
    ),
    "memory for a byte": Limit(100, "bytes", "a WebP photograph of 24 megapixels takes 336 MB and may have 3 MB"),
    "memory for a large picture": Limit(
        400_000_000, "bytes", "100 megapixels in colour, from a file of many megabytes"
    ),
    "EXIF": Limit(1 << 20, "bytes", "cameras write one segment of up to 64 kB"),
    "scans": Limit(100, "scans", "progressive JPEGs have about ten; each goes over all pixels"),
    "scanned pixels": Limit(
        1_000_000_000, "pixels drawn over and over", "a decoder goes over as many in three seconds"
    ),
    "picture parts": Limit(1_000, "parts", "photographs have some ten segments or fields, and 255 at most for colours"),
    "PNG chunks": Limit(100_000, "parts", "200 megapixels in chunks of 8 kB have 25,000"),
    "packed texts": Limit(50, "packed texts", "each may unpack to a megabyte"),
    "picture pages": Limit(1_000, "pages", "a scanned book; each is drawn by itself"),
    "bytes that fields point at": Limit(
        16, "times the bytes of the file", "fields of a sound file share next to nothing"
    ),
}
"""By what they bound. What is larger is refused before it is read; tables in the docs are made from this."""
