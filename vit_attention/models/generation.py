"""Generating a reading: the prompt's tokens, greedy and beam search, and what came out."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vit_attention.gate import LIMITS, GateError, shown
from vit_attention.records import Prediction


def prompt_ids(tokenizer: Any, prompt: str, vocabulary: int | None = None) -> list[int]:
    """Token numbers of a task prompt.

    Raises:
        ValueError: an empty prompt, or one with tokens that the model does not know.
    """
    if not isinstance(prompt, str):
        raise GateError("prompt", "a text", shown(prompt))
    ids = [int(i) for i in tokenizer(prompt, add_special_tokens=False)["input_ids"]]
    if not ids:
        raise GateError("prompt", "at least one token", "none")
    if tokenizer.unk_token_id in ids or (vocabulary is not None and max(ids) >= vocabulary):
        known = [t for t in tokenizer.get_added_vocab() if t.startswith("<s_")]
        raise GateError("prompt", "tokens this model knows", f"{prompt!r}; task prompts it knows: {known[:12]}")
    return ids


def generate(
    module: Any,
    tokenizer: Any,
    encoded: Tensor,
    start: list[int],
    beams: int,
    most: int,
    on_token: Callable[[str], None] | None,
) -> Tensor:
    """(tokens,) prompt and reading, up to and with the end token.

    Args:
        module: a `VisionEncoderDecoderModel`.
        tokenizer: its tokenizer.
        encoded: (1, cells, width) what its encoder put out.
        start: the prompt.
        beams: 1 reads greedily.
        most: most tokens beside the prompt.
        on_token: called with each token as it is generated; greedy reading only.
    """
    from transformers.modeling_outputs import BaseModelOutput

    # An unknown-word token would stand for something nobody could read: published Donut forbids it, too.
    unknown = tokenizer.unk_token_id
    out: Tensor = module.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
        decoder_input_ids=torch.tensor([start], device=encoded.device),
        max_length=len(start) + most,
        num_beams=beams,
        do_sample=False,
        use_cache=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bad_words_ids=None if unknown is None else [[unknown]],
        streamer=_Listener(tokenizer, len(start), on_token) if on_token is not None and beams == 1 else None,
    )[0]
    ended = (out[len(start) :] == tokenizer.eos_token_id).nonzero()
    return out if not len(ended) else out[: len(start) + int(ended[0]) + 1]


def cut_note(tokenizer: Any, ids: Tensor, most: int) -> list[str]:
    """What to say of a reading that had to stop; empty if it ended by itself."""
    if int(ids[-1]) == tokenizer.eos_token_id:
        return []
    return [f"The reading was cut after {most} tokens; the model had not ended it."]


def prediction(tokenizer: Any, ids: Tensor, prompt: int, logits: Tensor) -> Prediction:
    """Text, tokens and their chances: (tokens,) ids whose first `prompt` are the prompt, (tokens - 1, vocabulary) logits."""
    said = ids[prompt:]
    chances = logits[prompt - 1 :].float().softmax(dim=-1).gather(1, said[:, None])[:, 0]
    spoken = [i for i in said.tolist() if i not in (tokenizer.eos_token_id, tokenizer.pad_token_id)]
    text = tokenizer.decode(spoken, skip_special_tokens=False)
    LIMITS["token letters"].check(len(text) // max(len(spoken), 1), "tokenizer.json", "decoder")
    return Prediction(
        text=text,
        tokens=tuple(tokenizer.convert_ids_to_tokens(said.tolist())),
        chances=chances.cpu().numpy(),
    )


class _Listener:
    """What `generate` calls a streamer: passes tokens on as they come, the prompt left out."""

    def __init__(self, tokenizer: Any, skip: int, hear: Callable[[str], None]) -> None:
        self.tokenizer, self.skip, self.hear = tokenizer, skip, hear

    def put(self, ids: Tensor) -> None:
        for token in ids.flatten().tolist():
            if self.skip > 0:
                self.skip -= 1
            else:
                self.hear(self.tokenizer.convert_ids_to_tokens(int(token)))

    def end(self) -> None:
        """Nothing is held back."""
