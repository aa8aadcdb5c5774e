"""What really happened, and what a perfect pipeline must show of it: the measure of every other room.

`oracle` works out the expected rows, `record` writes the truth, `verify` reads it and compares a store's rows with it.
"""
