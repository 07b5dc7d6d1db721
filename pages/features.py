"""What patches hold after a layer: similarity to a clicked one, principal components as colours, and heads that see parts."""

from ui.frame import routing

routing.show("ui.learn.features")
