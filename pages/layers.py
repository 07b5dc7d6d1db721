"""One query's attention through all layers: an animation, snapshots, and curves of what changes."""

from ui.frame import routing

routing.show("ui.learn.layers")
