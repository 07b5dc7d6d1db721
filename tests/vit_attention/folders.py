"""Tiny seeded folders of text encoders and dual encoders, as the transformers library saves them."""

from pathlib import Path
from typing import Any

import tokenizers
import torch
from PIL import Image
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from vit_attention import compat  # noqa: F401  (compat goes before transformers)

WORDS = [
    "the",
    "soup",
    "was",
    "not",
    "good",
    "but",
    "a",
    "slow",
    "waiter",
    "never",
    "smiled",
    "red",
    "ring",
    "blue",
    "square",
]
PIECES = ["##s", "##ed", "##ing", "##er", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefghijklmnopqrstuvwxyz.,!", *PIECES]

HEADED = {
    "albert": {"embedding_size": 16, "num_hidden_groups": 1, "inner_group_num": 1},
    "bert": {},
    "camembert": {"pad_token_id": 0},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "max_relative_positions": 16},
    "distilbert": {},
    "electra": {"embedding_size": 16},
    "ernie": {},
    "megatron-bert": {},
    "modernbert": {"pad_token_id": 0, "local_attention": 8, "global_attn_every_n_layers": 2},
    "mpnet": {"pad_token_id": 0},
    "roberta": {"pad_token_id": 0},
    "roberta-prelayernorm": {"pad_token_id": 0},
    "xlm-roberta": {"pad_token_id": 0},
}
"""Families of text encoders, and what their tiny configurations have of their own."""


def word_piece() -> Any:
    """A fast WordPiece tokenizer with special tokens around a text."""
    import transformers

    bare = tokenizers.Tokenizer(models.WordPiece({word: n for n, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    bare.normalizer = normalizers.BertNormalizer()
    bare.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    bare.decoder = decoders.WordPiece()
    bare.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=bare, **{f"{name}_token": token for name, token in special.items()}
    )


def byte_pairs(pad: str = "<|endoftext|>") -> Any:
    """A fast tokenizer like CLIP's, of words that stand in the vocabulary as a whole and letters for all others."""
    import transformers

    letters = [*"abcdefghijklmnopqrstuvwxyz.,!"]
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters)]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            merges += [(parts[0], parts[1])] if (parts[0], parts[1]) not in merges else []
            parts[:2] = [parts[0] + parts[1]]
            vocabulary += [parts[0]] if parts[0] not in vocabulary else []
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    numbers = {piece: n for n, piece in enumerate(vocabulary)}
    return transformers.CLIPTokenizerFast(vocab=numbers, merges=merges, pad_token=pad)


def text_folder(folder: Path, family: str = "bert", head: bool = True, layers: int = 3, **more: Any) -> Any:
    """Save a tiny seeded encoder of a family with a tokenizer; gives back the network, its attention written out."""
    import transformers

    sizes = {"vocab_size": len(VOCABULARY), "max_position_embeddings": 64, "num_labels": 2}
    names = ("dim", "n_layers", "n_heads", "hidden_dim") if family == "distilbert" else _NAMES
    sizes |= dict(zip(names, (32, layers, 4, 64), strict=True))
    config = transformers.CONFIG_MAPPING[family](**{**sizes, **HEADED[family], **more})
    mapping = transformers.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING if head else transformers.MODEL_MAPPING
    return _saved(folder, mapping[type(config)], config, word_piece())


def dual_folder(folder: Path, family: str = "clip", layers: int = 3) -> Any:
    """Save a tiny seeded CLIP or SigLIP with tokenizer and image processor; gives back the network."""
    import transformers

    tokenizer = byte_pairs()
    sizes = dict(zip(_NAMES, (32, layers, 4, 64), strict=True))
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    text = {
        **sizes,
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.convert_tokens_to_ids("<|startoftext|>"),
        "max_position_embeddings": 16,
        "eos_token_id": end,
        "pad_token_id": end,
    }
    vision = {**sizes, "image_size": 32, "patch_size": 8}
    if family == "clip":
        config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
        made = _saved(folder, transformers.CLIPModel, config, tokenizer)
        transformers.CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ).save_pretrained(folder)
        return made
    config = transformers.SiglipConfig(text_config={**text, "projection_size": 32}, vision_config=vision)
    made = _saved(folder, transformers.SiglipModel, config, tokenizer)
    transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return made


_NAMES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


def _saved(folder: Path, kind: Any, config: Any, tokenizer: Any) -> Any:
    torch.manual_seed(0)
    config._attn_implementation = "eager"
    network = kind._from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for one in network.parameters():
            one.add_(0.05 * torch.randn_like(one))  # a fresh network attends almost evenly
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return network


def picture(side: int = 48) -> Image.Image:
    """A seeded picture of noise."""
    numbers = torch.randint(0, 256, (side, side, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return Image.fromarray(numbers.numpy())
