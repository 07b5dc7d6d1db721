"""A loaded document reader of the Donut family: what each generated token was read from, and the windows of its encoder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from vit_attention.capture import Heard, Request, Seen, capture
from vit_attention.gate import GateError, shown
from vit_attention.inputs.pictures import open_picture
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.processor import Processor
from vit_attention.models import swin
from vit_attention.models.arguments import count, integer
from vit_attention.models.cards import Card
from vit_attention.models.generation import cut_note, generate, prediction, prompt_ids
from vit_attention.models.model import DEFAULT_BUDGET, Asked, Attended, as_map
from vit_attention.models.speaking import SpeakingModel
from vit_attention.records import AttentionMap, Axis, Run
from vit_attention.records.windows import Stage, Windows
from vit_attention.signals import carry_out, runs
from vit_attention.signals.given import Said

MAX_BEAMS = 8
HELD = (
    "Gradients stop at what the encoder made of the page, which is held fixed: its windows and merging do not chain, so "
    "that every cell stands for itself."
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Page(Input):
    """A page made ready and encoded once; reading it again with another prompt, beam width or target starts here.

    Attributes:
        encoded: (1, cells, width) what the encoder made of it.
        memory: the same in the decoder's width, where the two differ.
        said: what was read from it already, by reader, prompt, beams and length: asked about another token it is not read again.
    """

    encoded: Tensor
    memory: Tensor
    said: dict[tuple[Any, ...], Tensor] = field(default_factory=dict, repr=False)


class ReadingModel(SpeakingModel):
    """A Donut-style reader: a `VisionEncoderDecoderModel` with a DonutSwin encoder (Kim et al. 2022, arXiv:2111.15664).

    The page is read first. Then the decoder is run once more on the whole reading and captured: a causal decoder
    attends in the same way in both passes (the tests compare them), whichever beam the reading came from.

    Row t of a map belongs to the token that it produced; prompt tokens are the special tokens of the query axis. In a
    "self" map the columns are the tokens read so far, the prompt first; later tokens have weight 0.

    `target` of attend is a token of the reading. Gradients are of the logit that gave it, by the decoder's weights; rows of
    later tokens are 0.

    Options of attend:
        prompt: task prompt such as ``<s_receipt>``; None takes the model's own.
        kinds: which of the decoder's attentions to keep: "cross", "self" or both.
        windows: (stage, block) of encoder blocks to keep as well, 0 first, as maps of kind "window" on the stage's own
            grid: NaN wherever the query's window does not reach. `queries` are cells of those grids, row by row.
        beams: 1 decodes greedily; a larger number runs beam search and keeps the best reading.
        max_tokens: largest number of tokens to generate; None takes as many as the decoder has positions and `budget` allows.
        on_token: called with each token as it is generated; greedy decoding only.

    `layers` and `heads` refer to the decoder. An `Input` or a `Page` is accepted in place of a picture.
    """

    half = True
    options = frozenset({"prompt", "kinds", "windows", "beams", "max_tokens", "on_token"})

    def __init__(
        self, card: Card, module: Any, tokenizer: Any, recipe: Processor, prompt: str, weights_hash: str
    ) -> None:
        super().__init__(card, module, weights_hash)
        self.tokenizer, self.recipe, self.prompt = tokenizer, recipe, prompt
        self._stages = swin.stages(self.module.encoder, recipe.size)

    @property
    def signals(self) -> frozenset[str]:  # type: ignore[override]
        """What the decoder's pass leaves, and the runs on pages."""
        return frozenset({"gradients", "target", *runs("pages")})

    def _size(self) -> str:
        return f"{self.layers} decoder layers, pages of {self.recipe.size} pixels"

    @property
    def layers(self) -> int:
        """How many layers the decoder has."""
        return int(self.module.decoder.config.decoder_layers)

    @property
    def heads(self) -> int:
        """How many heads a layer of the decoder has."""
        return int(self.module.decoder.config.decoder_attention_heads)

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the cells that the decoder reads from."""
        return self._stages[-1].grid

    @property
    def longest(self) -> int:
        """Largest number of tokens of a reading, including the prompt."""
        return int(self.module.decoder.config.max_position_embeddings)

    def stages(self) -> tuple[Stage, ...]:
        """The encoder's stages on a page of the model's size, from its configuration."""
        return self._stages

    def prepare(self, given: Any) -> Input:
        """The page prepared for the encoder; raises PictureError for a picture that cannot be read."""
        if isinstance(given, Input):
            return given
        if isinstance(given, Tensor):
            return Input.ready(given.to(self.precision))
        opened = open_picture(given)
        ready = self.recipe.prepare(opened.image)
        notes = (*opened.notes, *ready.notes)
        return replace(ready, pixels=ready.pixels.to(self.device, self.precision), image=opened.image, notes=notes)

    def page(self, given: Any) -> Page:
        """The encoded page, which does not depend on the prompt and can be read several times.

        Raises:
            PictureError: the picture cannot be read.
        """
        ready = self.prepare(given)
        with torch.inference_mode():
            encoded = swin.encode(self.module.encoder, ready.pixels)
            projection = getattr(self.module, "enc_to_dec_proj", None)
            memory = encoded if projection is None else projection(encoded)
        return Page(**vars(ready), encoded=encoded, memory=memory)

    def _attend(
        self,
        given: Any,
        asked: Asked,
        *,
        target: int | str | None = None,
        prompt: str | None = None,
        kinds: Sequence[str] = ("cross", "self"),
        windows: Sequence[tuple[int, int]] = (),
        beams: int = 1,
        max_tokens: int | None = None,
        on_token: Callable[[str], None] | None = None,
    ) -> Attended:
        start = prompt_ids(
            self.tokenizer, self.prompt if prompt is None else prompt, int(self.module.decoder.config.vocab_size)
        )
        queries, request = asked.request.queries, replace(asked.request, queries=None)
        if queries is not None and not windows:
            advice = "They are cells of the encoder's windows; every row of the decoder's maps is kept."
            raise GateError("queries", "windows=[(stage, block)] with them", "no windows", advice=advice)
        kinds = (kinds,) if isinstance(kinds, str) else kinds
        windows = self._blocks(windows)
        request, numbers = self._numbered(request, kinds)
        beams, max_tokens = count("beams", beams, 1) or 1, count("max_tokens", max_tokens, 1)
        if beams > MAX_BEAMS:
            raise GateError("beams", f"1 to {MAX_BEAMS}", f"{beams}")

        def size(tokens: int) -> int:
            some = [(one.heads, one.half) for one in (asked.request, asked.during.request)]
            found = [
                self.estimate(len(start) + tokens, asked.request.layers, heads, kinds, half) for heads, half in some
            ]
            return max(found) * (1 + request.gradients)

        most = self._most(len(start), max_tokens)
        if max_tokens is None:
            most = _fitting(size, most, asked.budget)
        ways = ", kinds=, queries= or max_tokens="
        asked.check_budget(size(most), ways)
        asked.check_budget(self._estimate_windows(windows, queries), ways)
        page = given if isinstance(given, Page) else self.page(given)
        with torch.inference_mode():
            ids = self._say(page, start, beams, most, on_token)
        notes = [*page.notes, *cut_note(self.tokenizer, ids, most)]
        tokens = self.tokenizer.convert_ids_to_tokens(ids[len(start) :].tolist())
        token = self._about(target, asked, tokens, notes)
        seen, logits, gradients = self._reread(page, ids, request, len(start) + (token or 0))
        ran = {run.name: self._rerun(run, page, ids, len(start) + (token or 0), notes) for run in asked.runs}
        notes += [HELD] * (request.gradients or bool(ran))
        chosen = [swin.windows(self.module.encoder, page.pixels, stage, block, queries) for stage, block in windows]
        return Attended(
            maps=(
                *(one.to_map(queries) for one in chosen),
                *(
                    self._map(one, numbers[one.layer], ids, len(start), request, gradient)
                    for one, gradient in zip(seen, gradients, strict=True)
                ),
            ),
            geometry=page.geometry,
            prediction=replace(prediction(self.tokenizer, ids, len(start), logits), target=token),
            image=page.image,
            signals=ran,
            settings={
                "target": token,
                "prompt": self.tokenizer.decode(start),
                "beams": beams,
                "max_tokens": most,
                "kinds": list(kinds),
                "windows": [one.settings(queries) for one in chosen],
            },
            notes=notes,
            libraries=("torch", "transformers", "numpy"),
        )

    def _reread(
        self, page: Page, ids: Tensor, request: Request, place: int
    ) -> tuple[Heard, Tensor, Sequence[Tensor | None]]:
        """What the decoder did on (tokens,) prompt and reading, its (tokens - 1, vocabulary) logits, and, if they are asked
        for, the derivatives by its weights of the logit that gave the token at `place`.
        """
        with self._differentiable() if request.gradients else torch.inference_mode():
            # Copies: what was made in inference mode can't be gone back through.
            ids, memory = ids.clone(), page.memory.clone()
            with capture(self.module.decoder, request) as seen:
                logits = self.module.decoder(
                    input_ids=ids[None, :-1], encoder_hidden_states=memory, use_cache=False
                ).logits[0]
            if not request.gradients:
                return seen, logits, [None] * len(seen)
            return seen, logits.detach(), self._by_weights(logits[place - 1, ids[place]], seen)

    def _rerun(self, run: Run, page: Page, ids: Tensor, place: int, notes: list[str]) -> Any:
        """What a run leaves that is about the logit which gave the token at `place`."""
        with self._differentiable():
            ids = ids.clone()

            def score(memory: Tensor) -> Tensor:
                # Words that were said before have a share, too: in the graph, they take it.
                said = self.module.decoder.get_input_embeddings()(ids[None, :place]).requires_grad_()
                given = {"inputs_embeds": said, "encoder_hidden_states": memory, "use_cache": False}
                logit: Tensor = self.module.decoder(**given).logits[0, -1, ids[place]]
                return logit

            return carry_out(run, Said(page.memory.clone(), score, notes))

    def _say(
        self, page: Page, start: list[int], beams: int, most: int, on_token: Callable[[str], None] | None
    ) -> Tensor:
        if isinstance(self.dictates, ReadingModel):
            told = self.dictates.page(page.pixels)
            return self.dictates._say(told, start, beams, most, on_token)
        asked = (self.weights_hash, *start, beams, most)
        if asked not in page.said or on_token is not None:
            page.said[asked] = generate(self.module, self.tokenizer, page.encoded, start, beams, most, on_token)
        return page.said[asked]

    def windows(
        self,
        given: Any,
        stage: int,
        block: int,
        queries: Sequence[int] | None = None,
        budget: int = DEFAULT_BUDGET,
    ) -> Windows:
        """The window attention of one block of the encoder.

        Args:
            given: as for `attend`.
            stage, block: which block, 0 first.
            queries: keep only the windows of these cells, counted row by row on the stage's own grid; None keeps all.
            budget: largest memory of the weights in bytes.

        Raises:
            BudgetError: the weights would take more than `budget`; raised before anything is run.
            ValueError: no such stage, block or cell.
        """
        pixels = self.prepare(given).pixels
        size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
        asked = Asked(Request(queries=queries), budget=budget)
        asked.check_budget(swin.estimate(self.module.encoder, size, stage, block, queries), " or queries=")
        return swin.windows(self.module.encoder, pixels, stage, block, queries)

    def estimate(
        self,
        tokens: int,
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
        kinds: Sequence[str] = ("cross", "self"),
        half: bool = True,
    ) -> int:
        """Bytes that the maps of a reading of `tokens` tokens take, including the prompt."""
        rows, columns = self.grid
        keys = ("cross" in kinds) * rows * columns + ("self" in kinds) * tokens
        count = self.layers if layers is None else len(layers)
        return count * (self.heads if heads is None else len(heads)) * tokens * keys * (2 if half else 4)

    def _blocks(self, windows: Any) -> list[tuple[int, int]]:
        """(stage, block) of every block of the encoder that is asked for, which there has to be."""
        depths = [one.blocks for one in self._stages]
        try:
            found = [(integer(stage), integer(block)) for stage, block in windows]
            if all(0 <= stage < len(depths) and 0 <= block < depths[stage] for stage, block in found):
                return found
        except (TypeError, ValueError):
            pass
        raise GateError("windows", f"(stage, block) in a list, of {depths} blocks a stage", shown(windows))

    def _estimate_windows(self, windows: Sequence[tuple[int, int]], queries: Sequence[int] | None) -> int:
        """Bytes that stitched maps of these blocks take: every row as wide as the whole grid."""
        plan, total = self._stages, 0
        for stage, _ in windows:
            cells = plan[stage].grid[0] * plan[stage].grid[1]
            total += 2 * plan[stage].heads * cells * (cells if queries is None else len(queries))
        return total

    def _most(self, prompt: int, max_tokens: int | None) -> int:
        room = self.longest - prompt
        if room < 1:
            raise GateError("max_tokens", f"at least 1 beside a prompt of {prompt} of {self.longest}", f"{max_tokens}")
        return room if max_tokens is None else min(room, max_tokens)

    def _numbered(self, request: Request, kinds: Sequence[str]) -> tuple[Request, dict[int, tuple[int, str]]]:
        """The request in numbers of attention blocks, and decoder layer and kind by the number of the block."""
        wanted = range(self.layers) if request.layers is None else request.layers
        wrong = [n for n in wanted if not 0 <= n < self.layers]
        if wrong:
            raise GateError("layers", f"numbers from 0 to {self.layers - 1}", shown(wrong[0]))
        if not isinstance(kinds, (list, tuple, set, frozenset)) or not kinds or not {*kinds} <= {"cross", "self"}:
            raise GateError("kinds", '"cross", "self" or both in a list', shown(kinds))
        # A layer of the decoder looks at what was read first, then at the page.
        places = {2 * n + (kind == "cross"): (n, kind) for n in wanted for kind in ("self", "cross") if kind in kinds}
        return replace(request, layers=sorted(places)), places

    def _map(
        self,
        one: Seen,
        where: tuple[int, str],
        ids: Tensor,
        prompt: int,
        request: Request,
        gradient: Tensor | None = None,
    ) -> AttentionMap:
        names, (layer, kind) = self.tokenizer.convert_ids_to_tokens(ids.tolist()), where
        query = Axis.text(names[prompt:], special=names[1:prompt])
        key = Axis.patches(*self.grid) if kind == "cross" else Axis.text(names[prompt:-1], special=names[:prompt])
        return as_map(one, layer, kind, query, key, request, gradient)


def _fitting(size: Callable[[int], int], most: int, budget: int) -> int:
    """How many tokens, `most` or fewer, can be read before their maps outgrow the budget; at least 1."""
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(middle) <= budget else (low, middle - 1)
    return low
