"""Rollout stopped at the chosen layer, for menus of pages that have one chosen."""

from dataclasses import replace

from visualizer.method import rollout

METHOD = replace(rollout.METHOD, meaning="The same product, stopped at the chosen layer.", layers="until", place=50)
