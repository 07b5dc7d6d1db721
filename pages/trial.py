"""Heads turned down, off, up or over: what the answer loses, head by head, together, and over many scenes."""

from ui.frame import routing

routing.show("ui.judge.trial")
