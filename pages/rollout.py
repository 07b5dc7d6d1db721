"""Attention multiplied through all layers, beside one layer alone, and what such a map cannot tell."""

from ui.frame import routing

routing.show("ui.learn.rollout")
