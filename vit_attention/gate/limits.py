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
        250_000, "values", "a config.json with 20,000 class names names them twice, in 80,000"
    ),
    "vocabulary file values": Limit(
        2_500_000, "values", "a tokenizer of 256,000 entries and as many merges has a million; each takes 30 bytes"
    ),
    "weights header": Limit(16 << 20, "bytes", "the names and shapes of 10,000 tensors take 1 MB"),
    "layers": Limit(1000, "layers", "the deepest published vision transformer has 48"),
    "width": Limit(65_536, "channels", "the widest published vision transformer has 6,144, and 24,576 in between"),
    "classes": Limit(100_000, "classes", "ImageNet-21k, the largest set in use, has 21,843"),
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
    "picture pixels": Limit(25_000_000, "pixels", "decoded to RGB they take 75 MB, a tenth of a small server"),
}
"""By what they bound. What is larger is refused before it is read; tables in the docs are made from this."""
