"""How spread out attention is, in every head and layer, and what low entropy does and does not mean."""

from ui.frame import routing

routing.show("ui.learn.entropy")
