"""Chosen patches covered, blurred, shuffled, moved or pasted: what becomes of the answer and of the map."""

from ui.frame import routing

routing.show("ui.judge.cover")
