"""The tokenizer of `receipt-donut`: sub-words learnt from the lexicon, single digits, one token per tag."""

from __future__ import annotations

from pathlib import Path

from vit_attention import compat  # noqa: F401  it goes before transformers

# isort: split
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from worlds import lexicon

FIELDS = ("store", "menu", "nm", "cnt", "price", "total", "name", "city", "date", "amount")
TAGS = ("<s_receipt>", "<s_form>", "<sep/>", *(f"<{slash}s_{field}>" for field in FIELDS for slash in ("", "/")))
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
SIZE = 192
"""Entries of the vocabulary."""


def corpus() -> list[str]:
    """Every word of the lexicon once, so that common beginnings and endings become tokens; digits often, to start a price."""
    lists = (
        lexicon.GOODS,
        lexicon.KINDS,
        lexicon.SHOPS,
        lexicon.SHOP_KINDS,
        lexicon.FIRST_NAMES,
        lexicon.LAST_NAMES,
        lexicon.CITIES,
    )
    return [word for words in lists for word in words] + [*"0123456789"] * len(lexicon.GOODS)


def build() -> PreTrainedTokenizerFast:
    """The tokenizer, the same every time: byte-pair encoding (Sennrich et al. 2016) over words marked by a leading "▁"."""
    bare = Tokenizer(models.BPE(unk_token="<unk>"))
    bare.normalizer = normalizers.Lowercase()
    bare.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(prepend_scheme="always"),
            pre_tokenizers.Split(Regex(r"▁?[0-9.]"), "isolated"),
        ]
    )
    bare.decoder = decoders.Metaspace(prepend_scheme="always")
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=[*SPECIAL, *TAGS],
        initial_alphabet=["▁", *letters, *"0123456789."],
        show_progress=False,
    )
    bare.train_from_iterator(corpus(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bare,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens=list(TAGS),
        model_max_length=128,
    )


def write(folder: Path) -> None:
    """Save it as the transformers library reads it."""
    build().save_pretrained(folder)
