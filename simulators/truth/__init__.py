"""What really happened, and what a perfect pipeline must show of it: the measure of every other room.

`oracle` works out the expected rows, `file` writes and reads the truth, `verify` compares a store's rows with it.
"""
