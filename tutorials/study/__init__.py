"""What a class has learned: collected answers from before and after, paired, counted and tested; `python -m tutorials.study`.

Imports nothing: the first page of the app needs the format of answers (`answers`), and none of the statistics.
"""
