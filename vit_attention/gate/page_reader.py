"""What the configuration of a Donut's folder may say: an encoder and a decoder, each with fields of its own."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from vit_attention.gate.config import (
    CONFIG,
    Activation,
    Channels,
    Entry,
    Layers,
    Share,
    Sides,
    Width,
    check_sides,
    plain,
)
from vit_attention.gate.limits import LIMITS
from vit_attention.gate.refusal import GateError, one_line, shown
from vit_attention.gate.schema import FIRST, Schema

Stages = Annotated[tuple[Layers, ...], Field(min_length=1, max_length=8), FIRST]


class Encoder(Schema):
    """Fields of a Donut's Swin encoder."""

    model_type: Literal["donut-swin"]
    image_size: Sides = (224, 224)
    patch_size: Sides = (4, 4)
    num_channels: Channels = 3
    embed_dim: Width = 96
    depths: Stages = (2, 2, 6, 2)
    num_heads: Stages = (3, 6, 12, 24)
    window_size: Annotated[int, Field(ge=1, le=64)] = 7
    mlp_ratio: Annotated[float, Field(gt=0, le=64)] = 4.0
    qkv_bias: bool = True
    hidden_dropout_prob: Share = 0.0
    attention_probs_dropout_prob: Share = 0.0
    drop_path_rate: Share = 0.1
    hidden_act: Activation = "gelu"
    use_absolute_embeddings: bool = False
    initializer_range: Annotated[float, Field(ge=0, le=100)] = 0.02
    layer_norm_eps: Annotated[float, Field(gt=0, le=1)] = 1e-5


class Decoder(Schema):
    """Fields of a Donut's MBart decoder."""

    model_type: Literal["mbart"]
    vocab_size: Annotated[int, Field(ge=1, le=LIMITS["vocabulary"].most)] = 50265
    max_position_embeddings: Annotated[int, Field(ge=2, le=LIMITS["width"].most)] = 1024
    decoder_layers: Layers = 12
    decoder_ffn_dim: Width = 4096
    decoder_attention_heads: Width = 16
    decoder_layerdrop: Share = 0.0
    activation_function: Activation = "gelu"
    d_model: Width = 1024
    dropout: Share = 0.1
    attention_dropout: Share = 0.0
    activation_dropout: Share = 0.0
    init_std: Annotated[float, Field(ge=0, le=100)] = 0.02
    scale_embedding: bool = False
    pad_token_id: Entry | None = 1
    bos_token_id: Entry | None = 0
    eos_token_id: Entry | None = 2
    decoder_start_token_id: Entry | None = None
    forced_eos_token_id: Entry | None = 2
    tie_word_embeddings: bool = True


class PageReader(Schema):
    """Fields of a Donut: an encoder that looks at a page and a decoder that writes."""

    model_type: Literal["vision-encoder-decoder"]
    encoder: Encoder
    decoder: Decoder
    decoder_start_token_id: Entry | None = None
    pad_token_id: Entry | None = None
    tie_word_embeddings: bool = False

    def check(self) -> None:
        """Refuse fields that contradict each other.

        Raises:
            GateError: heads that do not divide a width, stages without heads, tokens beyond the vocabulary.
        """
        encoder, decoder = self.encoder, self.decoder
        check_sides(encoder.image_size, encoder.patch_size, within="encoder.")
        if len(encoder.num_heads) != len(encoder.depths):
            raise _wrong("encoder.num_heads", f"{len(encoder.depths)} numbers as in depths", encoder.num_heads)
        for stage, heads in enumerate(encoder.num_heads):
            if encoder.embed_dim * 2**stage % heads:
                raise _wrong(
                    "encoder.num_heads", f"divisors of embed_dim, {encoder.embed_dim}, doubled by stage", heads
                )
        if decoder.d_model % decoder.decoder_attention_heads:
            heads = decoder.decoder_attention_heads
            raise _wrong("decoder.decoder_attention_heads", f"a divisor of d_model, {decoder.d_model}", heads)
        for name in ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id", "forced_eos_token_id"):
            number = getattr(decoder, name)
            if name in decoder.model_fields_set and number is not None and number >= decoder.vocab_size:
                raise _wrong(f"decoder.{name}", f"less than vocab_size, {decoder.vocab_size}", number)

    def check_weights(self, shapes: Mapping[str, tuple[int, ...]], file: str) -> None:
        """Refuse a configuration of other depths than the weights have; raises GateError."""
        stages = [(f"encoder.layers.{stage}.blocks.", depth) for stage, depth in enumerate(self.encoder.depths)]
        for start, said in [*stages, ("decoder.layers.", self.decoder.decoder_layers)]:
            pattern = re.compile(rf"(?:^|\.){re.escape(start)}(\d{{1,9}})\.")
            held = len({int(found[1]) for name in shapes if (found := pattern.search(name))})
            if held != said:
                field = "decoder.decoder_layers" if start.startswith("decoder") else "encoder.depths"
                raise _wrong(field, f"{held} as in {one_line(file)}", said)

    def settings(self) -> dict[str, Any]:
        """What the file says, as the library's own configuration takes it; nothing that this schema does not know."""
        parts = {"encoder": self.encoder, "decoder": self.decoder}
        said = self.model_dump(exclude_unset=True, exclude={"model_type", *parts})
        found = {key: part.model_dump(exclude_unset=True) for key, part in parts.items()}
        found["encoder"] = plain(found["encoder"])
        return {**said, **found}


def _wrong(field: str, want: str, got: Any) -> GateError:
    return GateError(CONFIG, want, shown(got), field=field)
