"""Fuzzing: bytes of strangers into everything that reads them, and what must hold of whatever comes out."""
