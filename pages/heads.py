"""All heads of a layer, all heads of the model, and how far, how alike and how good they are."""

from ui.frame import routing

routing.show("ui.learn.heads")
