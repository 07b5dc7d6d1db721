"""What every page is made of: figures, pickers, cards, code, downloads, the lesson's steps."""
