"""The wing of tools without a lesson, and the first page."""
