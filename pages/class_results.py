"""What a class has learned: the collected answers from before and after the lessons, with intervals and exact tests."""

from ui.frame import routing

routing.show("ui.explore.class_results")
