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
    "infos file": Limit(32 << 20, "bytes", "published ones take about 1 MB"),
    "picture pixels": Limit(25_000_000, "pixels", "decoded to RGB they take 75 MB, a tenth of a small server"),
}
"""By what they bound. What is larger is refused before it is read; tables in the docs are made from this."""
