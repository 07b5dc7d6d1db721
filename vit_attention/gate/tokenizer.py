"""What a tokenizer.json may say: parts that are known to end, of bounded size, whose text can't grow without bound."""

import base64
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue

from vit_attention.gate.limits import LIMITS
from vit_attention.gate.refusal import GateError, shown
from vit_attention.gate.schema import FIRST, Schema, entries

FILE = "tokenizer.json"

_KNOWN = {
    "normalizer": (
        "Precompiled NFC NFD NFKC NFKD Nmt Lowercase Strip StripAccents BertNormalizer ByteLevel Prepend Replace Sequence"
    ),
    "pre_tokenizer": (
        "Whitespace WhitespaceSplit BertPreTokenizer Metaspace ByteLevel Punctuation Digits CharDelimiterSplit "
        "UnicodeScripts Split Sequence"
    ),
    "decoder": "Metaspace ByteLevel WordPiece BPEDecoder ByteFallback Fuse Strip CTC Replace Sequence",
}

_GROWTH = 16
"""How many letters normalizers or decoders may make of one, all of them together."""

_ATOM = re.compile(r"\\[pP]\{[A-Za-z_]{1,20}\}|\[(?:\\.|[^\]\\])*\]")
"""A class of letters, which stands for one letter."""

_SAFE_PATTERN = re.compile(r"[^()|*+?{}\\]*(\\.[^()|*+?{}\\]*)*([*+?]|\{\d{0,2},?\d{0,2}\})?[^()|*+?{}\\]*")
"""Patterns without groups, and with one repetition: matching them takes one step a letter."""

Token = Annotated[str, Field(max_length=LIMITS["token letters"].most)]
Number = Annotated[int, Field(ge=0, le=LIMITS["vocabulary"].most)]


Piece = tuple[Token, float]
Merge = tuple[Token, Token] | Annotated[str, Field(max_length=2 * LIMITS["token letters"].most)]


class Pattern(Schema):
    """What a part looks for: text as it is, or a regular expression that is known to end."""

    String: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    Regex: Annotated[str, Field(min_length=1, max_length=100)] | None = None


def _charsmap(value: str) -> str:
    """A table of replacements as sentencepiece writes it; the tokenizers library falls over another."""
    try:
        data = base64.b64decode(value, validate=True)
        size = int.from_bytes(data[:4], "little")
        data[4 + size :].decode("utf-8")
    except ValueError:
        size, data = -1, b""
    if len(data) < 4 or size % 4 or 4 + size > len(data):
        raise ValueError("sentencepiece's table in base64")
    return value


class Part(Schema):
    """One step of normalizer, pre-tokenizer or decoder."""

    type: Annotated[str, Field(max_length=40)]
    pattern: Pattern | None = None
    content: Token | None = None
    precompiled_charsmap: Annotated[str, AfterValidator(_charsmap)] | None = None
    prepend: Token | None = None
    prefix: Token | None = None
    suffix: Token | None = None
    replacement: Token | None = None
    normalizers: "Parts | None" = None
    pretokenizers: "Parts | None" = None
    decoders: "Parts | None" = None

    def steps(self) -> list["Part"]:
        """The part itself, or those of a sequence in order."""
        inner = [
            *(self.normalizers or []),
            *(self.pretokenizers or []),
            *(self.decoders or []),
        ]
        return [step for part in inner for step in part.steps()] if inner else [self]

    def growth(self) -> float:
        """How many letters can come of one."""
        if self.type != "Replace" or self.pattern is None:
            return 1 + len(self.prepend or "")
        # A regular expression may match nothing, and then puts its content between all letters.
        return 1 + len(self.content or "") / (len(self.pattern.String) if self.pattern.String else 1)


Parts = Annotated[list[Part], Field(max_length=16), FIRST]


Pieces = Annotated[list[JsonValue], Field(max_length=16), FIRST]


class Around(Schema):
    """What puts special tokens around a text."""

    type: Literal["BertProcessing", "RobertaProcessing", "TemplateProcessing", "ByteLevel", "Sequence"]
    single: Pieces | None = None
    pair: Pieces | None = None
    processors: Annotated[list["Around"], Field(max_length=4), FIRST] | None = None


class Added(Schema):
    """A token beside the vocabulary."""

    id: Number
    content: Annotated[Token, Field(min_length=1)]


class Vocabulary(Schema):
    """The model of a tokenizer: which pieces there are."""

    type: Literal["BPE", "Unigram", "WordPiece", "WordLevel"] | None = None
    vocab: Annotated[dict[Token, Number], entries(LIMITS["vocabulary"].most)] | Annotated[list[Piece], FIRST]
    merges: Annotated[list[Merge], FIRST] | None = None
    dropout: None = None
    unk_id: Number | None = None
    unk_token: Token | None = None
    continuing_subword_prefix: Token | None = None
    end_of_word_suffix: Token | None = None


class Tokenizer(Schema):
    """A tokenizer.json."""

    added_tokens: Annotated[tuple[Added, ...], FIRST] = ()
    normalizer: Part | None = None
    pre_tokenizer: Part | None = None
    decoder: Part | None = None
    post_processor: Around | None = None
    model: Vocabulary

    def check(self) -> None:
        """Refuse parts that are not known, expressions that may not end, text that grows, too many or too long pieces.

        Raises:
            GateError: says which part.
        """
        for name, known in _KNOWN.items():
            part = getattr(self, name)
            _check_steps(name, known, part.steps() if part else [])
        vocab = self.model.vocab
        pieces = [*vocab] if isinstance(vocab, dict) else [piece for piece, _ in vocab]
        pieces += [token.content for token in self.added_tokens]
        LIMITS["added tokens"].check(len(self.added_tokens), FILE, "added_tokens")
        LIMITS["vocabulary"].check(len(pieces), FILE, "model.vocab")
        LIMITS["vocabulary"].check(len(self.model.merges or ()), FILE, "model.merges")
        LIMITS["vocabulary letters"].check(sum(map(len, pieces)), FILE, "model.vocab")
        highest = max((token.id for token in self.added_tokens), default=0)
        if highest >= len(pieces):
            want = f"numbers below {len(pieces)}, which is how many tokens there are"
            raise GateError(FILE, want, str(highest), field="added_tokens")


def _check_steps(name: str, known: str, steps: list[Part]) -> None:
    growth = 1.0
    for step in steps:
        if step.type not in known.split():
            raise GateError(FILE, f"one of {', '.join(known.split())}", shown(step.type), field=name)
        expression = step.pattern.Regex if step.pattern else None
        # Choices side by side are tried one after the other; what is in a group could be repeated.
        choices = re.split(r"(?<!\\)\|", _ATOM.sub("a", expression)) if expression else []
        if not all(_SAFE_PATTERN.fullmatch(choice) for choice in choices):
            want = "a regular expression without groups and with one repetition"
            raise GateError(FILE, want, shown(expression), field=f"{name}.{step.type}")
        growth *= step.growth()
    if growth > _GROWTH:
        want = f"parts that make at most {_GROWTH} letters of one"
        raise GateError(FILE, want, f"parts that can make {growth:.0f}", field=name)


class Special(Schema):
    """A special token by its record, as older versions of the library save it."""

    content: Token


def _content(value: Any) -> str:
    return value.content if isinstance(value, Special) else value


class Letters(Schema):
    """Fields of tokenizer_config.json that say how WordPiece prepares letters, where there is no tokenizer.json to say it."""

    do_lower_case: bool = True
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool = True


class Settings(Schema):
    """Fields of tokenizer_config.json and special_tokens_map.json that say which tokens are special; the rest is not read."""

    bos_token: Token | Special | None = None
    eos_token: Token | Special | None = None
    unk_token: Token | Special | None = None
    pad_token: Token | Special | None = None
    sep_token: Token | Special | None = None
    cls_token: Token | Special | None = None
    mask_token: Token | Special | None = None

    def named(self) -> dict[str, str]:
        """Those that are given, as text."""
        return {name: _content(token) for name in type(self).model_fields if (token := getattr(self, name)) is not None}
