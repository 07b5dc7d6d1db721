"""The wing of models that write: readers of pages and captioners."""
