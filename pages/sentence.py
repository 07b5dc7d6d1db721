"""A text that a model reads: which token reads which, what decides the verdict, and whether a map finds it."""

from ui.frame import routing

routing.show("ui.read.sentence")
