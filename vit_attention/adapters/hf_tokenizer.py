"""The tokenizer of a model folder, from its tokenizer.json alone: no class that a file names, no template, no other path."""

from pathlib import Path
from typing import Any

from vit_attention import compat  # noqa: F401  (compat goes before transformers)
from vit_attention.gate import GateError, read_file
from vit_attention.gate.folder import read_settings
from vit_attention.gate.tokenizer import FILE, Settings, Tokenizer

_ADVICE = "Save the processor the model was trained with there, too: processor.save_pretrained(folder)."


def load(folder: Path, around: bool = False) -> Any:
    """The library's tokenizer, made of what the gate has let in.

    Args:
        folder: of a model.
        around: put the special tokens around a text that the file says; else a text, such as a prompt, is taken as it is.

    Raises:
        GateError: no tokenizer.json, or one that the gate or the library refuses; settings of the wrong kind.
    """
    path = folder / FILE
    if not path.exists() and not path.is_symlink():
        raise GateError(FILE, "the tokenizer the model was trained with", "none", advice=_ADVICE)
    read_settings(path, Tokenizer, "vocabulary file").check()
    try:
        return _made(read_file(path, "vocabulary file"), _special(folder), around)
    except BaseException as error:  # the tokenizers library panics outside Exception
        if isinstance(error, (GateError, KeyboardInterrupt, SystemExit)):
            raise
        got = f"one that the library refuses ({type(error).__name__})"
        raise GateError(FILE, "a tokenizer", got, advice=_ADVICE) from error


def _special(folder: Path) -> dict[str, str]:
    """Special tokens by their names; tokenizer_config.json is the newer of the two files and counts."""
    found: dict[str, str] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        path = folder / name
        if path.exists() or path.is_symlink():
            found |= read_settings(path, Settings).named()
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
        raise GateError("tokenizer_config.json", want, "none", field="eos_token", advice=_ADVICE)
    unknown = next((token for token in special.values() if bare.token_to_id(token) is None), None)
    if unknown is not None:
        raise GateError("tokenizer_config.json", "special tokens of the vocabulary", repr(unknown))
    bare.decode(bare.encode("A b 1").ids)  # a damaged part shows here, not in the middle of a reading
    return transformers.PreTrainedTokenizerFast(tokenizer_object=bare, clean_up_tokenization_spaces=False, **special)
