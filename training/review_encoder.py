"""How `review-encoder` was made: `python -m training.review_encoder --out FOLDER`.

A small BERT learns the verdicts of reviews of `worlds.sentences`, edits of them included, and is judged on templates that
training never sees. Supervised: the verdict. Attention is never supervised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import training.run
from training.review_bag import bag_accuracy
from training.review_data import Example, examples, held_out, lengthened, positions, unreadable
from training.review_tokens import LONGEST, build, write
from training.run import ALL, arguments
from vit_attention import compat  # noqa: F401  it goes before transformers

# isort: split
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

LABELS = {0: "negative", 1: "positive"}


@dataclass(frozen=True)
class Stage:
    """`steps` steps of `batch` reviews; the learning rate goes from `high` to `low` times its peak.

    Attributes:
        kinds: at most so many of negation, contrast and distractors in a review.
        late: share of reviews that begin at a later position than they would.
        long: share of batches whose reviews stand between up to `fillers` sentences that judge nothing.
    """

    batch: int
    steps: int
    high: float
    low: float
    kinds: int = 3
    late: float = 0.5
    long: float = 0.1
    fillers: int = 8


def network(words: int, **options: Any) -> BertForSequenceClassification:
    """The encoder before training: 4 layers x 4 heads, width 128; positions begin as sines, all 512 of one kind."""
    sizes: dict[str, Any] = {
        "hidden_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 384,
        **options,
    }
    config = BertConfig(
        vocab_size=words,
        max_position_embeddings=LONGEST,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=LABELS,
        label2id={label: i for i, label in LABELS.items()},
        **sizes,
    )
    net = BertForSequenceClassification(config)
    table: Any = net.bert.embeddings
    torch.nn.init.normal_(table.word_embeddings.weight, std=0.05)
    angle = torch.arange(LONGEST)[:, None] / 1000 ** torch.linspace(0, 1, config.hidden_size // 2)
    table.position_embeddings.weight.data = 0.05 * torch.cat([angle.sin(), angle.cos()], dim=1)
    return net


class Run(training.run.Run):
    """The run of this model."""

    def __init__(
        self,
        out: Path,
        learnt: Sequence[Example],
        asked: Sequence[Example],
        tokenizer: PreTrainedTokenizerFast,
        seed: int,
        **options: Any,
    ) -> None:
        torch.manual_seed(seed)
        super().__init__(out, network(len(tokenizer), **options).train())
        self.learnt = {kinds: [one for one in learnt if one.kinds <= kinds] for kinds in range(4)}
        self.asked, self.tokenizer, self.seed = asked, tokenizer, seed
        named = self.learner.named_parameters()
        self.optimisers = self.muon_and_adam([p for n, p in named if p.ndim == 2 and ".layer." in n])

    def one(self, stage: Stage, rate: float) -> dict[str, Any]:
        """As every run: one batch of reviews."""
        rng = np.random.default_rng([self.seed, self.step])  # a resumed run goes on with the same batches
        learnt = self.learnt[stage.kinds]
        chosen = [learnt[i] for i in rng.integers(0, len(learnt), stage.batch)]
        fillers = int(rng.integers(1, stage.fillers + 1)) if rng.random() < stage.long else 0
        texts = [lengthened(rng, unreadable(rng, one.text), fillers) for one in chosen]
        tokens = self.tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        place = positions(rng, tokens["input_ids"].shape, LONGEST, stage.late)
        scores = self.learner(**tokens, position_ids=torch.from_numpy(place)).logits
        goal = torch.tensor([one.label for one in chosen])
        loss = F.cross_entropy(scores, goal)
        loss.backward()
        self.clip()
        self.apply(rate)
        self.counted()
        return {"loss": round(loss.item(), 4), "right": round((scores.argmax(-1) == goal).float().mean().item(), 3)}

    def judge(self, stage: Stage, share: str) -> None:
        """Log the share of verdicts told right on templates held out."""
        asked = self.asked if share == ALL else self.asked[:1000]
        self.log({"held_out": accuracy(self.average, self.tokenizer, asked)})


@torch.no_grad()
def accuracy(net: Any, tokenizer: PreTrainedTokenizerFast, asked: Sequence[Example]) -> float:
    """Share of verdicts told right."""
    right = 0
    for start in range(0, len(asked), 100):
        some = asked[start : start + 100]
        tokens = tokenizer([one.text for one in some], padding=True, return_tensors="pt")
        goal = torch.tensor([one.label for one in some])
        right += int((net(**tokens).logits.argmax(-1) == goal).sum())
    return right / len(asked)


def export(net: Any, tokenizer: PreTrainedTokenizerFast, folder: Path) -> Path:
    """A network in half precision, with configuration and tokenizer, as one model folder."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    net.config.architectures = [type(net).__name__]
    net.config.dtype = torch.float32  # what it computes in; the half precision is for the file alone
    net.config.save_pretrained(folder)
    write(tokenizer, folder)
    return folder


# What the shipped weights went through. Reviews with one difficulty first: from all at once it learns nothing for long. The
# rate of the second stage was on its way to 0.02 in 2000 steps when the third replaced the rest of it.
STAGES = [
    Stage(batch=64, steps=600, high=1.0, low=0.8, kinds=1),
    Stage(batch=64, steps=1400, high=0.8, low=0.18),
    Stage(batch=64, steps=600, high=0.35, low=0.02, late=0.8, long=0.15, fillers=12),
]
TOKENIZED = 20_000
"""Examples that the vocabulary is learnt from."""


def main() -> None:
    args = arguments(__doc__, 60_000, "sentences")
    learnt, asked = examples(args.sentences), held_out(4000)
    run = Run(args.out, learnt, asked, build(one.text for one in learnt[:TOKENIZED]), args.seed)
    for longest, name in ((1, "bag_of_words"), (2, "with_pairs")):
        run.log({name: bag_accuracy(learnt, asked, longest)})
    if args.resume:
        run.resume()
    run.train(STAGES)
    print(export(run.average, run.tokenizer, args.out / "review-encoder"))


if __name__ == "__main__":
    main()
