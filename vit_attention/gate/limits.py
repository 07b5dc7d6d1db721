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
    "settings file values": Limit(
        1_000_000, "values", "100,000 class names, by number and the other way round, count 800,000"
    ),
    "vocabulary file values": Limit(
        2_500_000, "values", "a tokenizer of 256,000 entries and as many merges counts 1.8 million"
    ),
    "weights header": Limit(16 << 20, "bytes", "the names and shapes of 10,000 tensors take 1 MB"),
    "layers": Limit(1000, "layers", "the deepest published vision transformer has 48"),
    "width": Limit(65_536, "channels", "the widest published vision transformer has 6,144, and 24,576 in between"),
    "classes": Limit(100_000, "classes", "ImageNet-21k, the largest set in use, has 21,843"),
    "labels": Limit(1000, "labels", "ImageNet has so many classes; each passes through the text encoder"),
    "label letters": Limit(1000, "letters", "ImageNet's longest name has 121"),
    "input side": Limit(16_384, "pixels", "a receipt six times as long as a page for Donut is wide"),
    "input pixels": Limit(
        8_400_000, "pixels", "as float32 in three channels they take 100 MB; Donut's pages have 4.9 million"
    ),
    "resized pixels": Limit(
        40_000_000, "pixels", "a receipt ten times as long as wide has 37 million on its way to Donut's 1920"
    ),
    "vocabulary": Limit(300_000, "entries", "the largest in use with readers, XLM-R's, has 250,000"),
    "vocabulary letters": Limit(
        3_000_000, "letters", "250,000 entries of XLM-R have 1.5 million; a search tree has a node for each"
    ),
    "added tokens": Limit(
        10_000, "tokens", "a reader has one for each of its tags, a hundred or so; the library adds them slowly"
    ),
    "token letters": Limit(1000, "letters", "a task prompt as one token has some 30"),
    "download": Limit(
        20 << 30, "bytes", "the largest published vision transformer has 4.5 GB in float32, and shards beside it"
    ),
    "bundle": Limit(1 << 30, "bytes unpacked", "all maps of ViT-L/16 at 384 pixels in float32 take 0.5 GB"),
    "features file": Limit(
        64 << 20, "bytes", "100 regions of 2048 numbers have 0.8 MB, a picture beside them some more"
    ),
    "feature numbers": Limit(4 << 20, "numbers", "1024 cells of 4096, twice the width of any published network's"),
    "regions": Limit(100, "regions", "detectors for captions keep 10 to 100 (Anderson et al. 2018)"),
    "region cells": Limit(1024, "cells of a grid", "published grids have 14 x 14"),
    "folders": Limit(100_000, "folders", "to look through them takes a minute; ** in front of a whole disk is a slip"),
    "infos file": Limit(32 << 20, "bytes", "published ones take about 1 MB"),
    "uploaded bundle": Limit(200 << 20, "bytes unpacked", "a session of the app keeps one, beside many others"),
    "bundle entries": Limit(4096, "entries", "100 layers with gradients, queries, keys and values have 500"),
    "bundle manifest": Limit(8 << 20, "bytes unpacked", "names of 8,192 tokens on both axes of 32 maps take 5 MB"),
    "small manifest": Limit(1 << 20, "bytes unpacked", "read as JSON it may take 80 times as much"),
    "small bundle": Limit(100_000_000, "bytes unpacked", "below it, a file is let in however well it is packed"),
    "bundle ratio": Limit(
        250,
        "times what it is packed to",
        "softmax rows reach 80 in half precision; saturated ones 400, but in small files",
    ),
    "record picture": Limit(
        4_194_304, "pixels", "records keep 768 pixels a side; drawing takes 25 times the decoded 13 MB"
    ),
    "picture side": Limit(100_000, "pixels", "drawings are laid out in pixels of the picture that was given"),
    "patches": Limit(
        1 << 20, "patches", "the finest windows of Donut, on 2560 x 1920 pixels, tell 307,200 cells apart"
    ),
    "attention file": Limit(
        2 << 30, "bytes", "24 layers of 16 heads over 512 tokens take 1.2 GB; no more than a row is read at once"
    ),
    "sentence letters": Limit(100_000, "letters", "8,192 tokens, the most that ModernBERT reads, have some 40,000"),
    "sentence tokens": Limit(8192, "tokens", "the longest text that ModernBERT reads"),
    "heads": Limit(1_000, "heads", "the widest published transformers have 128"),
    "survey rows": Limit(
        50_000_000, "rows", "50,000 pictures under a model of 32 layers of 32 heads; a minute's reading"
    ),
    "survey measures": Limit(16, "measures", "the library has eight of heads"),
    "survey numbers": Limit(16_384, "heads times measures", "48 layers of 25 heads, each in 12 measures, count 14,400"),
    "survey name": Limit(300, "letters", "file names have at most 255"),
    "survey files": Limit(10_000, "files", "a thousand pictures a shard make ten million"),
    "uploaded survey": Limit(100 << 20, "bytes unpacked", "20,000 pictures of 144 heads in five measures take 60 MB"),
    "name": Limit(1_000, "letters", "the longest class name of ImageNet has 121"),
    "text": Limit(1_000_000, "letters", "readings of 8,192 tokens have some 40,000"),
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
    "packed texts": Limit(50, "packed texts", "each may unpack to a megabyte of memory"),
    "picture pages": Limit(1_000, "pages", "a scanned book; each is drawn by itself"),
    "answers file": Limit(1 << 20, "bytes", "the answers to every question of all lessons, with reasons, take 100 kB"),
    "answers": Limit(2_000, "answers", "all lessons have some 200 questions and claims"),
    "answers files": Limit(500, "files", "a lecture of 500; a larger one is read in parts"),
    "bytes that fields point at": Limit(
        16, "times the bytes of the file", "fields of a sound file share next to nothing"
    ),
}
"""By what they bound. What is larger is refused before it is read; tables in the docs are made from this."""
