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
    "picture scans": Limit(
        100, "scans", "a progressive JPEG has about ten, and each is decoded over the whole picture"
    ),
    "picture side": Limit(100_000, "pixels", "drawings are laid out in pixels of the picture that was given"),
    "patches": Limit(
        1 << 20, "patches", "the finest windows of Donut, on 2560 x 1920 pixels, tell 307,200 cells apart"
    ),
    "name": Limit(1_000, "letters", "the longest class name of ImageNet has 121"),
    "text": Limit(1_000_000, "letters", "readings of 8,192 tokens have some 40,000"),
    "picture pixels": Limit(25_000_000, "pixels", "decoded to RGB they take 75 MB, a tenth of a small server"),
}
"""By what they bound. What is larger is refused before it is read; tables in the docs are made from this."""
