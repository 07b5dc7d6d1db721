"""The control that every claim about a trained network needs: the same network before it has learned anything."""

import torch
from torch import nn

from vit_attention.models.model import Model

STD = 0.02
"""Standard deviation of matrices that have no start of their own, as in ViT, BERT and their family."""


def untrained(model: Model, seed: int = 0, dictates: Model | None = None) -> Model:
    """The model itself, whose weights are now random, as before its training; give it one that was loaded for this.

    Networks of the transformers library get matrices from a normal distribution of standard deviation 0.02, biases of 0 and
    norms of 1, which is how the family starts. Others get what their layers' ``reset_parameters`` gives; tables without
    that, such as positions, are drawn like matrices.

    Args:
        model: is changed in place.
        seed: of the random numbers.
        dictates: for readers and captioners, the trained model whose words this one repeats, so that both sets of maps
            belong to the same words; None lets it say its own.

    >>> from vit_attention import load
    >>> bool(untrained(load("scene-vit")).module.encoder.pos_embedding.std() < 0.03)
    True
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for name, parameter in model.module.named_parameters():
            _draw(parameter, name)
        parts = list(model.module.modules())
        if not any(hasattr(part, "_init_weights") for part in parts):
            for part in parts:
                _reset(part)
    model.dictates = dictates
    return model


def _draw(parameter: nn.Parameter, name: str) -> None:
    if parameter.ndim > 1:
        parameter.normal_(std=STD)
    else:
        parameter.fill_(0.0 if name.endswith("bias") else 1.0)


def _reset(part: nn.Module) -> None:
    for name in ("reset_parameters", "_reset_parameters"):  # nn.MultiheadAttention has the second
        if hasattr(part, name):
            getattr(part, name)()
