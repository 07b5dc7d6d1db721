"""The tokenizer of a model folder, from its vocabulary alone: no class that a file names, no template, no other path."""

from pathlib import Path
from typing import Any

from vit_attention import compat  # noqa: F401  (compat goes before transformers)
from vit_attention.gate import LIMITS, GateError, read_file
from vit_attention.gate.folder import read_settings
from vit_attention.gate.tokenizer import FILE, Letters, Settings, Tokenizer, Vocabulary
from vit_attention.heavy import library

_ADVICE = "Save the processor the model was trained with there, too: processor.save_pretrained(folder)."
_CONFIG = "tokenizer_config.json"
_FILE = "vocabulary file"
_MOST_AROUND = 16


def load(folder: Path, around: bool = False, family: str = "") -> Any:
    """The library's tokenizer, made of what the gate has let in.

    Args:
        folder: of a model.
        around: put the special tokens around a text that the file says; else a text, such as a prompt, is taken as it is.
        family: model_type, whose tokenizer is made of vocab.txt, or of vocab.json and merges.txt, if there is no
            tokenizer.json; "" makes none of them.

    Raises:
        GateError: no vocabulary, or one that the gate or the library refuses; settings of the wrong kind.
    """
    path = folder / FILE
    try:
        if _there(path):
            read_settings(path, Tokenizer, _FILE).check()
            data, special = read_file(path, _FILE), {}
        else:
            own = _of_family(folder, family)
            data, special = own.backend_tokenizer.to_str().encode(), own.special_tokens_map
            Tokenizer.read(data, FILE).check()
        return _made(data, special | _special(folder), around)
    except BaseException as error:  # the tokenizers library panics outside Exception
        if isinstance(error, (GateError, KeyboardInterrupt, SystemExit)):
            raise
        got = f"one that the library refuses ({type(error).__name__})"
        raise GateError(FILE, "a tokenizer", got, advice=_ADVICE) from error


def _there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _of_family(folder: Path, family: str) -> Any:
    """The tokenizer of a family, made of the vocabulary files that folders had before tokenizer.json."""
    transformers = library("transformers")
    if family and _there(folder / "vocab.txt"):
        kind = transformers.MPNetTokenizerFast if family == "mpnet" else transformers.BertTokenizerFast
        letters = read_settings(folder / _CONFIG, Letters) if _there(folder / _CONFIG) else Letters()
        return kind(vocab={piece: n for n, piece in enumerate(_lines(folder / "vocab.txt"))}, **letters.model_dump())
    if family and _there(folder / "vocab.json"):
        kind = transformers.CLIPTokenizerFast if family == "clip" else transformers.RobertaTokenizerFast
        vocabulary = read_settings(folder / "vocab.json", Vocabulary, _FILE, field="vocab").vocab
        pairs = [line.split(" ") for line in _lines(folder / "merges.txt") if not line.startswith("#version")]
        if not isinstance(vocabulary, dict) or any(len(pair) != 2 for pair in pairs):
            raise GateError("merges.txt", "two pieces a line, and their numbers in vocab.json", "others")
        return kind(vocab=vocabulary, merges=[(first, second) for first, second in pairs])
    other = "sentencepiece's model alone" if [*folder.glob("*.model")] else "none"
    raise GateError(FILE, "the tokenizer the model was trained with", other, advice=_ADVICE)


def _lines(path: Path) -> list[str]:
    """Lines of a vocabulary file, in UTF-8 and of bounded number."""
    try:
        found = read_file(path, _FILE).decode("utf-8").rstrip("\n").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise GateError(path.name, "text in UTF-8", "other bytes") from error
    LIMITS["vocabulary"].check(len(found), path.name)
    return found


def _special(folder: Path) -> dict[str, str]:
    """Special tokens by their names; tokenizer_config.json is the newer of the two files and counts."""
    found: dict[str, str] = {}
    for name in ("special_tokens_map.json", _CONFIG):
        if _there(folder / name):
            found |= read_settings(folder / name, Settings).named()
    return found


def _made(data: bytes, special: dict[str, str], around: bool) -> Any:
    import tokenizers
    import transformers

    bare = tokenizers.Tokenizer.from_str(data.decode("utf-8"))
    if not around:
        bare.post_processor = None
    bare.no_padding()  # a file may ask for any length
    bare.no_truncation()
    if not around and "eos_token" not in special:
        want = "the token that ends a reading"
        raise GateError(_CONFIG, want, "none", field="eos_token", advice=_ADVICE)
    unknown = next((token for token in special.values() if bare.token_to_id(token) is None), None)
    if unknown is not None:
        raise GateError(_CONFIG, "special tokens of the vocabulary", repr(unknown))
    lost = getattr(bare.model, "unk_token", None)  # older files say it here alone
    special = {"unk_token": lost, **special} if lost is not None and bare.token_to_id(lost) is not None else special
    if around:
        _check_around(bare)
    bare.decode(bare.encode("A b 1").ids)  # a damaged part shows here, not in the middle of a reading
    return transformers.PreTrainedTokenizerFast(tokenizer_object=bare, clean_up_tokenization_spaces=False, **special)


def _check_around(bare: Any) -> None:
    """Refuse special tokens that are none, too many around a text, or a text that is left out or repeated."""
    added, whole, around = bare.encode("").ids, bare.encode("A b 1").ids, bare.post_processor
    bare.post_processor = None  # which could repeat a text even where no special tokens are asked for
    inside = bare.encode("A b 1").ids
    bare.post_processor = around
    strange = next((number for number in added if bare.id_to_token(number) is None), None)
    if strange is not None:
        raise GateError(FILE, "special tokens of the vocabulary", f"number {strange}", field="post_processor")
    if len(added) > _MOST_AROUND or len(whole) != len(added) + len(inside):
        want = f"a text once, with at most {_MOST_AROUND} special tokens"
        raise GateError(FILE, want, f"{len(whole)} tokens for {len(inside)}", field="post_processor")
