r"""Figures as they are published: frozen under a code, held to what is known later, given out without small numbers.

Queries -> publications (freeze, compare) -> publication_file (a code over all of it)
\-> cells -> disclosure (what to hide) -> release -> attack, open_data
"""
