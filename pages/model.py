"""The whole model as blocks to click, before any picture is looked at: shapes, both sublayers, the class token's way, sizes."""

from ui.frame import routing

routing.show("ui.learn.model")
