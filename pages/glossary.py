"""Every term of the lessons in one list, with the lessons that use it."""

from ui.frame import routing

routing.show("ui.explore.glossary")
