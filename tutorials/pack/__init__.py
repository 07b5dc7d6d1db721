"""The teacher's pack of a lesson: plan, worksheets, answer key and links, as HTML to print and as PDF, made from the lesson file."""

from tutorials.pack.files import packed, zipped

__all__ = ["packed", "zipped"]
