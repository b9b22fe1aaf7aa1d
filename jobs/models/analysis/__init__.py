"""What a model's SELECT is made of, and which upkeep is exact for it.

Whatever is not understood to the letter is no incremental kind: it is `whole` where it gives the same rows twice, and
an error where it need not.
"""
