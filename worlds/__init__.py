"""Procedural worlds whose truth (masks, boxes, names) is known exactly."""
