"""The web board.

    usage.Queries -> snapshot (one look for all who ask) -> views, tables, charts (words, shapes) -> templates

`board` has the routes and `server` serves them.
"""
