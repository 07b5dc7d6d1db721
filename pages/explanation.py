"""Attention changed while the model runs: whether its answer depends on what a map shows, and what becomes of sinks."""

from ui.frame import routing

routing.show("ui.judge.explanation")
