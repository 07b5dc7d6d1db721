"""What the configuration of a text encoder's or a dual encoder's folder may say, before anything is built from it.

These families have a hundred fields between them, and one that was left out would build another network in silence. So every plain
value goes on to the library's own configuration, within bounds, but for names that are no business of a file's; and the network is
built only once its shapes are those of the weights.
"""

import math
from typing import Annotated, Any

from pydantic import ConfigDict, Field, JsonValue

from vit_attention.gate.config import CONFIG, Activation, Channels, Entry, Labelled, Layers, Name, check_sides
from vit_attention.gate.limits import LIMITS
from vit_attention.gate.refusal import GateError, shown
from vit_attention.gate.schema import FIRST, Schema

_OURS = {
    *("architectures", "auto_map", "quantization_config", "attn_implementation", "experts_implementation", "dtype"),
    *(
        "torch_dtype",
        "output_attentions",
        "output_hidden_states",
        "return_dict",
        "use_cache",
        "torchscript",
        "model_type",
    ),
    *("transformers_version", "chunk_size_feed_forward", "gradient_checkpointing", "problem_type", "pruned_heads"),
    *(
        "num_labels",
        "id2label",
        "label2id",
        "use_return_dict",
        "is_encoder_decoder",
        "tie_encoder_decoder",
        "name_or_path",
    ),
}
"""Fields that say how a network is run, or what else is decided here; they are left aside."""
_PARTS = {f"{part}_config{old}" for part in ("text", "vision") for old in ("", "_dict")}
"""Fields of a dual encoder that are encoders themselves."""
_DEEP = 4
_LARGEST = 10**9
"""The base of rotary positions is a million or more."""
_MOST = 1000
"""Entries of a list or dictionary: ModernBERT names the kind of every layer."""


def _check_plain(field: str, value: Any, depth: int = 0) -> None:
    """Refuse a value that is not plain, small and finite."""
    if isinstance(value, (dict, list)):
        if depth == _DEEP or len(value) > _MOST:
            want = f"plain values, at most {_MOST} together and {_DEEP} deep"
            raise GateError(CONFIG, want, shown(value), field=field)
        for one in value.values() if isinstance(value, dict) else value:
            _check_plain(field, one, depth + 1)
    if isinstance(value, (int, float)) and not (math.isfinite(value) and abs(value) <= _LARGEST):
        raise GateError(CONFIG, f"a number up to {_LARGEST:,}", shown(value), field=field)
    if isinstance(value, str):
        LIMITS["label letters"].check(len(value), CONFIG, field)


class Fields(Schema):
    """Fields of an encoder that are known by name, and any others that are plain."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    vocab_size: Entry | None = None
    max_position_embeddings: Entry | None = None
    num_hidden_layers: Layers | None = None
    n_layers: Layers | None = None
    hidden_act: Activation | None = None
    hidden_activation: Activation | None = None
    activation: Activation | None = None
    classifier_activation: Activation | None = None
    num_hidden_groups: Layers | None = None
    inner_group_num: Layers | None = None
    num_channels: Channels | None = None
    is_decoder: bool = False

    def fields(self) -> dict[str, Any]:
        """What goes on to the library's configuration; raises GateError for a value that is not plain."""
        said = self.model_dump(exclude_unset=True, exclude=_PARTS)
        found = {
            name: one for name, one in said.items() if name.isidentifier() and name[0] != "_" and name not in _OURS
        }
        for name, value in found.items():
            _check_plain(name, value)
            if name.endswith("_eps") and not (isinstance(value, float) and 0 < value <= 1):
                raise GateError(CONFIG, "a number above 0, up to 1", shown(value), field=name)
        return found


class TextEncoder(Fields, Labelled):
    """A text encoder, with or without classes."""

    model_type: Name
    architectures: Annotated[list[Name], Field(max_length=20), FIRST] | None = None

    def check(self) -> None:
        """Refuse a decoder, and classes with a gap between their numbers."""
        if self.is_decoder:
            raise GateError(CONFIG, "an encoder, whose tokens see each other", "true", field="is_decoder")
        self.labels()

    def settings(self) -> dict[str, Any]:
        """What the file says, as the library's own configuration takes it."""
        return {**self.fields(), **self.label_settings()}


class DualEncoder(Fields):
    """An encoder of pictures beside one of texts."""

    model_type: Name
    text_config: Fields | None = None
    vision_config: Fields | None = None
    text_config_dict: Fields | None = None
    vision_config_dict: Fields | None = None
    logit_scale_init_value: Annotated[float, Field(ge=-100, le=100)] = 2.6592

    def check(self) -> None:
        """Refuse a picture smaller than a patch, or too large for memory."""
        said = self.part("vision").fields()
        image, patch = said.get("image_size", 224), said.get("patch_size", 32)
        for field, side in (("image_size", image), ("patch_size", patch)):
            if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= LIMITS["input side"].most:
                raise GateError(CONFIG, "a number of pixels", shown(side), field=f"vision_config.{field}")
        check_sides((image, image), (patch, patch), within="vision_config.")
        if self.part("text").is_decoder:
            raise GateError(CONFIG, "an encoder", "true", field="text_config.is_decoder")

    def part(self, name: str) -> Fields:
        """One of the encoders, "text" or "vision"; what older files say twice counts as the library takes it, by the `_dict`."""
        found: Fields | None = getattr(self, f"{name}_config_dict") or getattr(self, f"{name}_config")
        if found is None:
            raise GateError(CONFIG, "this field", "none", field=f"{name}_config")
        return found

    def settings(self) -> dict[str, Any]:
        """What the file says, as the library's own configuration takes it."""
        parts = {f"{name}_config": self.part(name).fields() for name in ("text", "vision")}
        return {**self.fields(), **parts}
