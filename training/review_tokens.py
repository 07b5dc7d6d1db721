"""The tokenizer of `review-encoder`: a WordPiece vocabulary of the reviews' words, whole or in parts, and all letters."""

from __future__ import annotations

import json
import string
from collections.abc import Iterable
from pathlib import Path

from vit_attention import compat  # noqa: F401  it goes before transformers

# isort: split
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SIZE = 720
"""Entries of the vocabulary: so few that the rarer words of the reviews are written in parts."""
LONGEST = 512


def build(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """The tokenizer learnt from texts, the same every time: WordPiece as in BERT (Devlin et al. 2019, section 3)."""
    bare = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    bare.normalizer = normalizers.BertNormalizer(lowercase=True)
    bare.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    bare.decoder = decoders.WordPiece()
    signs = [*string.ascii_lowercase, *string.digits]
    trainer = trainers.WordPieceTrainer(
        vocab_size=SIZE,
        special_tokens=list(SPECIAL),
        initial_alphabet=[*signs, *string.punctuation],
        show_progress=False,
    )
    # Each sign once inside a word, so that any word can be spelled.
    bare.train_from_iterator([*texts, *(f"a{sign}" for sign in signs)], trainer)
    number = {one: n for n, one in enumerate(SPECIAL)}
    bare.post_processor = processors.BertProcessing(("[SEP]", number["[SEP]"]), ("[CLS]", number["[CLS]"]))
    return PreTrainedTokenizerFast(
        tokenizer_object=bare,
        **{f"{one[1:-1].lower()}_token": one for one in SPECIAL},
        model_max_length=LONGEST,
    )


def write(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Save it as the transformers library's BertTokenizerFast reads it."""
    tokenizer.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    known = json.loads(config.read_text())
    known.update(tokenizer_class="BertTokenizer", do_lower_case=True)
    config.write_text(json.dumps(known, indent=2) + "\n")
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word, _ in vocabulary), encoding="utf-8")
    special = {f"{one[1:-1].lower()}_token": one for one in SPECIAL}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
