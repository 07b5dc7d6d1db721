"""Figures and readings in plain words."""
