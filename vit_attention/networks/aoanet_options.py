"""The options of a captioning network, under the names that the published code gives them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

DECODERS = ("AoA", "LSTM", "base")
BOX_NUMBERS = 5
"""What `use_box` adds to the features of a region, in numbers."""
# Far beyond every published model; keeps an options file from asking for terabytes.
_LARGEST = {
    "vocab_size": 10_000_000,
    "max_length": 10_000,
    "num_heads": 4096,
    "multi_head_scale": 64,
    "refiner_layers": 64,
}
_SIZES = (
    "vocab_size",
    "rnn_size",
    "input_encoding_size",
    "att_hid_size",
    "att_feat_size",
    "fc_feat_size",
    "num_heads",
    "multi_head_scale",
    "max_length",
)
_CHOICES: dict[str, tuple[Any, ...]] = {
    "use_multi_head": (0, 1, 2),
    "use_bn": (0, 1, 2),
    "decoder_type": DECODERS,
    "logit_layers": (1,),
    **dict.fromkeys(
        (
            "refine",
            "refine_aoa",
            "use_ff",
            "mean_feats",
            "ctx_drop",
            "out_res",
            "norm_q",
            "use_output_layer",
            "norm_att_feat",
            "use_box",
            "norm_box_feat",
        ),
        (0, 1),
    ),
}


@dataclass(frozen=True)
class Options:
    """What a captioning network of Huang et al. (2019, arXiv:1908.06954) is built from.

    Attributes:
        vocab_size: number of words; tokens are 0 (start, end and padding) to `vocab_size` (the unknown word).
        rnn_size: width of the model.
        input_encoding_size: width of a word's embedding.
        att_hid_size: hidden width of the additive attention.
        att_feat_size, fc_feat_size: width of a region's features, and of the whole picture's.
        drop_prob_lm: dropout of embeddings, context and output while training.
        use_multi_head: 2 for multi-head dot attention in the decoder; 0, and 1 too, for additive attention of one head.
        num_heads: heads of every dot attention.
        multi_head_scale: widens queries, keys and values to this many times `rnn_size`.
        refine, refine_aoa, use_ff: whether there is a refiner; whether its layers gate (attention on attention) or
            project; whether they have a feed-forward half.
        dropout_aoa: dropout before the refiner's gates while training.
        mean_feats: 1 takes the mean of the regions as the picture's own features, 0 embeds features given apart.
        ctx_drop: dropout of the fed-back context vector while training.
        decoder_type: what turns attended regions into the context: "AoA", "LSTM" or "base" (one linear layer).
        out_res: 1 adds the attention LSTM's output to the context before words are scored.
        norm_q: whether the decoder's dot attention normalises its query.
        use_output_layer: whether the decoder's dot attention ends in a projection.
        use_bn: batch norm of the features: 0 none, 1 before their embedding, 2 before and after.
        logit_layers: 1; the published code stops at more.
        max_length: longest caption in words.
        refiner_layers: depth of the refiner; 6 in the published code.
        norm_att_feat, use_box, norm_box_feat: how features were prepared in training, which the network itself does not
            do (see `vit_attention.inputs.region_features`); with `use_box` `att_feat_size` counts the numbers of the box.

    >>> Options(vocab_size=10, rnn_size=30)
    Traceback (most recent call last):
    ValueError: num_heads: want a divisor of rnn_size x multi_head_scale = 30, got 8
    """

    vocab_size: int
    rnn_size: int = 1024
    input_encoding_size: int = 1024
    att_hid_size: int = 512
    att_feat_size: int = 2048
    fc_feat_size: int = 2048
    drop_prob_lm: float = 0.5
    use_multi_head: int = 2
    num_heads: int = 8
    multi_head_scale: int = 1
    refine: int = 1
    refine_aoa: int = 1
    use_ff: int = 1
    dropout_aoa: float = 0.3
    mean_feats: int = 1
    ctx_drop: int = 0
    decoder_type: str = "AoA"
    out_res: int = 0
    norm_q: int = 1
    use_output_layer: int = 0
    use_bn: int = 0
    logit_layers: int = 1
    max_length: int = 20
    refiner_layers: int = 6
    norm_att_feat: int = 0
    use_box: int = 0
    norm_box_feat: int = 0

    def __post_init__(self) -> None:
        for name in (*_SIZES, "refiner_layers"):
            largest = _LARGEST.get(name, 1_000_000)
            given = getattr(self, name)
            if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= largest:
                raise ValueError(f"{name}: want a whole number from 1 to {largest}, got {given!r}")
        for name, choices in _CHOICES.items():
            given = getattr(self, name)
            if not isinstance(given, (int, str)) or given not in choices:
                raise ValueError(f"{name}: want {' or '.join(map(str, choices))}, got {given!r}")
        for name in ("drop_prob_lm", "dropout_aoa"):
            given = getattr(self, name)
            if not isinstance(given, (int, float)) or not 0 <= given <= 1:
                raise ValueError(f"{name}: want a number from 0 to 1, got {given!r}")
        if self.wide % self.num_heads and (self.dots or self.refine):
            raise ValueError(
                f"num_heads: want a divisor of rnn_size x multi_head_scale = {self.wide}, got {self.num_heads}"
            )
        if not self.dots and self.multi_head_scale != 1:
            raise ValueError(f"multi_head_scale: want 1 with additive attention, got {self.multi_head_scale}")

    @property
    def dots(self) -> bool:
        """Whether the decoder attends with many heads; `use_multi_head` 1 means additive attention, as published."""
        return self.use_multi_head == 2

    @property
    def wide(self) -> int:
        """Width of all heads together."""
        return self.rnn_size * self.multi_head_scale

    @classmethod
    def from_namespace(cls, opt: Any) -> "Options":
        """Options from the `opt` of a published checkpoint (any object with these attributes) or from a mapping.

        What `opt` does not name takes the default of the published command line; what this network does not know (paths,
        learning rates) is passed over.

        Raises:
            ValueError: a value that no network can be built from, or another kind of captioning model; names it.
        """
        given = dict(opt) if isinstance(opt, Mapping) else dict(vars(opt))
        kind = given.get("caption_model", "aoa")
        if kind != "aoa":
            raise ValueError(f"caption_model: want 'aoa', got {kind!r}")
        if "vocab_size" not in given:
            raise ValueError("vocab_size: want the number of words, got options without it")
        # As published: 0 or nothing there means the length of the captions in training.
        if not given.get("max_length", 20):
            given["max_length"] = given.get("seq_length")
        return cls(**{f.name: given[f.name] for f in fields(cls) if f.name in given})
