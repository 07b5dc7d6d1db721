"""Attention as pipes: how much can flow to a patch, where it is narrowest, and which layers that depends on."""

from ui.frame import routing

routing.show("ui.judge.cut")
