"""A network that forgets from the top down: the cascading randomisation, of which every map that explains it has to take notice."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from vit_attention.gate import GateError, shown
from vit_attention.models.copies import copy_of
from vit_attention.models.dual import DualModel
from vit_attention.models.encoder import EncoderModel
from vit_attention.models.model import Model
from vit_attention.models.untrained import _draw, _reset
from vit_attention.weights.eight_bits import Packed

_drawing = threading.Lock()


def cascade(model: Model) -> tuple[str, ...]:
    """What `randomised` draws anew at each of its steps, the first of which is none.

    Raises:
        GateError: a model that is no encoder of pictures or texts.

    >>> from vit_attention import load
    >>> cascade(load("photo-dino"))[:4]
    ('nothing', 'head', 'block 12', 'block 11')
    """
    return ("nothing", *(name for name, _ in _groups(model)))


def randomised(model: Model, step: int, seed: int = 0) -> Model:
    """A copy of an encoder whose head and topmost blocks are random: one step of the cascading randomisation.

    Adebayo et al. 2018 (arXiv:1810.03292), section 4. A map that explains what a network has learned has to change. Step 1
    draws what follows the blocks (final norm and head; of a dual encoder the way of both encoders into their space), each
    further step one more block from the top down, and the last what lies before them. Of a dual encoder the text blocks stay.
    Weights are drawn as in `untrained`; a step begins with the very numbers of the one before.

    Args:
        model: stays as it is, bit for bit, and may run in other threads meanwhile; what is not drawn is shared with it.
        step: 0 (nothing) to the last of `cascade`.
        seed: of the random numbers.

    Raises:
        GateError: a model that is no encoder, or no such step.

    >>> import vit_attention as va
    >>> model = va.load("scene-vit")
    >>> top = randomised(model, 2)
    >>> bool((top.anatomy.blocks[-1].mlp[0].weight == model.anatomy.blocks[-1].mlp[0].weight).any())
    False
    >>> top.anatomy.blocks[0].mlp[0].weight is model.anatomy.blocks[0].mlp[0].weight
    True
    """
    groups = _groups(model)
    if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step <= len(groups):
        raise GateError("step", f"a whole number from 0 to {len(groups)}", shown(step))
    drawn = [parts for _, parts in groups[:step]]
    found = copy_of(model, {id(one) for parts in drawn for part in parts.values() for one in _tensors(part)})
    with _seeded(seed):
        for parts in drawn:
            _draw_parts(found.module, list(parts))
    if step:
        note = f"Weights drawn anew, from the head down to this: {groups[step - 1][0]} (seed {seed})."
        found.notes = (*model.notes, note)
    return found


Parts = dict[str, nn.Module]
"""Modules with weights of their own, by name."""


def _groups(model: Model) -> list[tuple[str, Parts]]:
    """What each step of the cascade draws, in this order: what follows the blocks, every block from the top, what lies before."""
    if not isinstance(model, EncoderModel):
        raise GateError("model", "an encoder of pictures or texts", model.card.name)
    blocks = list(dict.fromkeys(model.anatomy.blocks))  # one that is used several times is drawn once
    inside = {id(part): n for n, block in enumerate(blocks) for part in block.modules()}
    others = {id(part) for part in model.text.module.modules()} if isinstance(model, DualModel) else set()
    named = [(name, part) for name, part in model.module.named_modules() if _tensors(part) and id(part) not in others]
    last = max(n for n, (_, part) in enumerate(named) if id(part) in inside)
    before, head, own = Parts(), Parts(), [Parts() for _ in blocks]
    for n, (name, part) in enumerate(named):
        # Tables of positions may be registered behind the blocks, and are looked up before them.
        group = own[inside[id(part)]] if id(part) in inside else before
        (head if group is before and n > last and not isinstance(part, nn.Embedding) else group)[name] = part
    numbered = [(f"block {n + 1}", parts) for n, parts in enumerate(own)]
    return [("head", head), *reversed(numbered), ("embeddings", before)]


def _tensors(part: nn.Module) -> list[torch.Tensor]:
    """The weights that a module has for itself."""
    matrix = [part.numbers, part.scale] if isinstance(part, Packed) else []
    return [one for one in part._parameters.values() if one is not None] + matrix


def _draw_parts(module: nn.Module, names: Sequence[str]) -> None:
    for name in names:
        part = module.get_submodule(name)
        if isinstance(part, Packed):  # random numbers need no file's 8 bits
            parent, _, last = name.rpartition(".")
            part = nn.Linear(part.in_features, part.out_features, part.bias is not None).requires_grad_(False).eval()
            setattr(module.get_submodule(parent), last, part)
        for own, parameter in part._parameters.items():
            if parameter is not None:
                _draw(parameter, own)
        if not _of_transformers(module):
            _reset(part)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Random numbers of a seed inside, one thread at a time; the state of others comes back."""
    with _drawing, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        yield


def _of_transformers(module: nn.Module) -> bool:
    """Whether a network comes from the transformers library, whose family begins with numbers as `_draw` gives them."""
    return any(hasattr(part, "_init_weights") for part in module.modules())
