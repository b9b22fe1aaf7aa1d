"""Orders for trying the whole path: generated from a seed, or the real ones of the Online Retail file.

Both go through the command handlers like any other order, in batches; how far they have come is committed with them.
"""
