"""A loaded document reader of the Donut family: what each generated token was read from, and the windows of its encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vit_attention.capture import Request, Seen, capture
from vit_attention.inputs.page_recipe import PageRecipe, prepare_page
from vit_attention.inputs.pictures import OpenedPicture, open_picture
from vit_attention.models import swin
from vit_attention.models.cards import Card
from vit_attention.models.devices import OnDevice
from vit_attention.models.generation import cut_note, generate, prediction, prompt_ids
from vit_attention.models.versions import versions
from vit_attention.models.vision import DEFAULT_BUDGET, BudgetError
from vit_attention.records import AttentionMap, AttentionRecord, Axis, encode_picture
from vit_attention.records.geometry import Geometry
from vit_attention.records.windows import Windows

MAX_BEAMS = 8


@dataclass(frozen=True, eq=False)
class Page:
    """A page made ready and encoded once; reading it again with another prompt or beam width starts here.

    Attributes:
        opened: the upright picture.
        pixels: (1, 3, height, width) as the encoder sees them.
        geometry: between the two.
        encoded: (1, cells, width) what the encoder made of it.
        memory: the same in the decoder's width, where the two differ.
    """

    opened: OpenedPicture
    pixels: Tensor
    geometry: Geometry
    encoded: Tensor
    memory: Tensor


class ReadingModel(OnDevice):
    """A `VisionEncoderDecoderModel` with a DonutSwin encoder in evaluation mode; safe to share between threads."""

    def __init__(
        self, card: Card, module: Any, tokenizer: Any, recipe: PageRecipe, prompt: str, weights_hash: str
    ) -> None:
        self.card, self.tokenizer, self.recipe, self.prompt = card, tokenizer, recipe, prompt
        self.weights_hash = weights_hash
        self.module = module.eval().requires_grad_(False)
        self._stages = swin.stages(self.module.encoder, recipe.size)

    def __repr__(self) -> str:
        return f"ReadingModel({self.card.name!r}, {self.layers} decoder layers, pages of {self.recipe.size} pixels)"

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
        return self.stages()[-1].grid

    @property
    def longest(self) -> int:
        """Most tokens of a reading, prompt included."""
        return int(self.module.decoder.config.max_position_embeddings)

    def stages(self) -> tuple[swin.Stage, ...]:
        """The encoder's stages on a page of the model's size, as its own configuration says."""
        return self._stages

    def prepare(self, picture: Any) -> tuple[OpenedPicture, Tensor, Geometry]:
        """The upright picture, (1, 3, height, width) pixels and the geometry between them.

        Raises:
            PictureError: the picture cannot be read.
        """
        opened = open_picture(picture)
        pixels, geometry = prepare_page(opened.image, self.recipe)
        return opened, torch.from_numpy(pixels)[None].to(self.device), geometry

    def page(self, picture: Any) -> Page:
        """A page ready to be read: the encoder's whole work, which no prompt changes.

        Raises:
            PictureError: the picture cannot be read.
        """
        opened, pixels, geometry = self.prepare(picture)
        with torch.inference_mode():
            encoded = swin.encode(self.module.encoder, pixels)
            projection = getattr(self.module, "enc_to_dec_proj", None)
            memory = encoded if projection is None else projection(encoded)
        return Page(opened, pixels, geometry, encoded, memory)

    def attend(
        self,
        picture: Any,
        *,
        prompt: str | None = None,
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
        kinds: Sequence[str] = ("cross", "self"),
        windows: Sequence[tuple[int, int]] = (),
        queries: Sequence[int] | None = None,
        beams: int = 1,
        max_tokens: int | None = None,
        half: bool = True,
        proof_rows: int | None = 4,
        on_token: Callable[[str], None] | None = None,
        budget: int = DEFAULT_BUDGET,
    ) -> AttentionRecord:
        """The attention record of reading one page: for every generated token, what the decoder looked at to produce it.

        The page is read first, then the reading is given to the decoder once more, all tokens at once, and captured:
        a causal decoder attends the same way in both (the tests compare), whatever beam the reading came from.

        Row t of a map belongs to the token it produced; tokens of the prompt that the row had to produce are named as
        special tokens of the query axis. In a "self" map the columns are the tokens read so far, the prompt first;
        what lies ahead has weight 0.

        Args:
            picture: PIL image, path, bytes, (height, width, 3) uint8 array, or a `Page`.
            prompt: task prompt such as ``<s_receipt>``; None takes the model's own.
            layers, heads: decoder layers and heads to keep, 0 first; None keeps all.
            kinds: which attention of the decoder to keep, of "cross" and "self".
            windows: (stage, block) of encoder blocks to keep as well, 0 first, as maps of kind "window" on the stage's own
                grid: NaN wherever the query's window does not reach.
            queries: cells of those grids whose rows to keep, counted row by row; None keeps all.
            beams: 1 reads greedily; more runs beam search and keeps the winner.
            max_tokens: most tokens to generate; None takes what the decoder has positions for and `budget` has room for.
            half: keep weights in float16.
            proof_rows: rows of every block on which the parity proof runs; None proves all.
            on_token: called with each token as it is generated; greedy reading only.
            budget: largest memory of the maps in bytes.

        Raises:
            PictureError: the picture cannot be read.
            BudgetError: the maps could take more than `budget`; raised before anything is run.
            ValueError: a number out of range, or a prompt that leaves no room for a reading.
        """
        start = self._prompt(self.prompt if prompt is None else prompt)
        request, numbers = self._request(layers, heads, kinds, half, proof_rows)
        most = self._most(len(start), max_tokens)
        if max_tokens is None:
            most = self._fitting(len(start), most, budget, (layers, heads, kinds, half))
        if not 1 <= beams <= MAX_BEAMS:
            raise ValueError(f"beams: want 1 to {MAX_BEAMS}, got {beams}")
        self._check_budget(self.estimate(len(start) + most, layers, heads, kinds, half), budget)
        self._check_budget(self._estimate_windows(windows, queries), budget)
        page = picture if isinstance(picture, Page) else self.page(picture)
        with torch.inference_mode():
            ids = generate(self.module, self.tokenizer, page.encoded, start, beams, most, on_token)
            with capture(self.module.decoder, request) as seen:
                logits = self.module.decoder(
                    input_ids=ids[None, :-1], encoder_hidden_states=page.memory, use_cache=False
                ).logits[0]
        chosen = [swin.windows(self.module.encoder, page.pixels, stage, block, queries) for stage, block in windows]
        return AttentionRecord(
            maps=(
                *(one.to_map(queries) for one in chosen),
                *(self._map(one, numbers[one.layer], ids, len(start), request) for one in seen),
            ),
            geometry=page.geometry,
            prediction=prediction(self.tokenizer, ids, len(start), logits),
            picture=encode_picture(page.opened.image),
            model=self.card.name,
            weights_hash=self.weights_hash,
            settings={
                "prompt": self.tokenizer.decode(start), "beams": beams, "max_tokens": most, "half": half,
                "layers": _plain(layers), "heads": _plain(heads), "kinds": list(kinds), "notes": [*page.opened.notes, *cut_note(self.tokenizer, ids, most)],
                "windows": [one.settings(queries) for one in chosen],
            },
            versions=versions("torch", "transformers", "numpy"),
        )  # fmt: skip

    def windows(
        self,
        picture: Any,
        stage: int,
        block: int,
        queries: Sequence[int] | None = None,
        budget: int = DEFAULT_BUDGET,
    ) -> Windows:
        """The window attention of one block of the encoder.

        Args:
            picture: as for `attend`.
            stage, block: which block, 0 first.
            queries: keep only the windows of these cells, counted row by row on the stage's own grid; None keeps all.
            budget: largest memory of the weights in bytes.

        Raises:
            BudgetError: the weights would take more than `budget`; raised before anything is run.
            ValueError: no such stage, block or cell.
        """
        pixels = picture.pixels if isinstance(picture, Page) else self.prepare(picture)[1]
        size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
        self._check_budget(swin.estimate(self.module.encoder, size, stage, block, queries), budget)
        return swin.windows(self.module.encoder, pixels, stage, block, queries)

    def estimate(
        self,
        tokens: int,
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
        kinds: Sequence[str] = ("cross", "self"),
        half: bool = True,
    ) -> int:
        """Bytes that the maps of a reading of `tokens` tokens, prompt included, take."""
        rows, columns = self.grid
        keys = ("cross" in kinds) * rows * columns + ("self" in kinds) * tokens
        count = self.layers if layers is None else len(layers)
        return count * (self.heads if heads is None else len(heads)) * tokens * keys * (2 if half else 4)

    def _fitting(self, prompt: int, most: int, budget: int, wanted: tuple[Any, Any, Any, bool]) -> int:
        """How many tokens, `most` or fewer, can be read before their maps outgrow the budget; at least 1."""
        low, high = 1, most
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.estimate(prompt + middle, *wanted) <= budget else (low, middle - 1)
        return low

    def _estimate_windows(self, windows: Sequence[tuple[int, int]], queries: Sequence[int] | None) -> int:
        """Bytes that stitched maps of these blocks take: every row as wide as the whole grid."""
        plan, total = self.stages(), 0
        for stage, block in windows:
            if not (0 <= stage < len(plan) and 0 <= block < plan[stage].blocks):
                depths = [one.blocks for one in plan]
                raise ValueError(f"windows: want a stage and block of {depths} blocks a stage, got {(stage, block)}")
            rows, columns = plan[stage].grid
            cells = rows * columns
            total += 2 * plan[stage].heads * cells * (cells if queries is None else len(queries))
        return total

    @staticmethod
    def _check_budget(estimate: int, budget: int) -> None:
        if estimate > budget:
            raise BudgetError(
                f"this capture: want at most {budget / 1e6:.0f} MB of maps, got up to {estimate / 1e6:.0f} MB. "
                "Choose layers=, heads=, kinds=, queries= or max_tokens=, or raise budget=."
            )

    def _prompt(self, prompt: str) -> list[int]:
        return prompt_ids(self.tokenizer, prompt, int(self.module.decoder.config.vocab_size))

    def _most(self, prompt: int, max_tokens: int | None) -> int:
        room = self.longest - prompt
        if room < 1 or (max_tokens is not None and max_tokens < 1):
            raise ValueError(
                f"max_tokens: want at least 1 beside a prompt of {prompt} of {self.longest}, got {max_tokens}"
            )
        return room if max_tokens is None else min(room, max_tokens)

    def _request(
        self,
        layers: Sequence[int] | None,
        heads: Sequence[int] | None,
        kinds: Sequence[str],
        half: bool,
        proof_rows: int | None,
    ) -> tuple[Request, dict[int, tuple[int, str]]]:
        """What to capture, and decoder layer and kind by the number of the attention block."""
        wanted = range(self.layers) if layers is None else layers
        wrong = [n for n in wanted if not 0 <= n < self.layers]
        if wrong or not set(kinds) <= {"cross", "self"} or not kinds:
            raise ValueError(
                f"want layers from 0 to {self.layers - 1} and kinds of cross and self, got {wrong}, {kinds}"
            )
        # A layer of the decoder looks at what was read first, then at the page.
        numbers = {
            2 * layer + (kind == "cross"): (layer, kind)
            for layer in wanted
            for kind in ("self", "cross")
            if kind in kinds
        }
        return Request(layers=sorted(numbers), heads=heads, half=half, proof_rows=proof_rows), numbers

    def _map(self, one: Seen, where: tuple[int, str], ids: Tensor, prompt: int, request: Request) -> AttentionMap:
        names = self.tokenizer.convert_ids_to_tokens(ids.tolist())
        layer, kind = where
        query = Axis.text(names[prompt:], special=names[1:prompt])
        key = Axis.patches(*self.grid) if kind == "cross" else Axis.text(names[prompt:-1], special=names[:prompt])
        weights = one.weights[0] if request.half else one.weights[0].float()
        kept = None if request.heads is None else tuple(int(h) for h in request.heads)
        return AttentionMap(weights.cpu().numpy(), one.name, layer, kind, query, key, one.residual, kept)


def _plain(numbers: Sequence[int] | None) -> list[int] | None:
    return None if numbers is None else [int(n) for n in numbers]
