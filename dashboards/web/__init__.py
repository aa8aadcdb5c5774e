"""The web board.

    usage.Queries -> look (one for all who ask) -> snapshot -> views, tables, charts (words, shapes) -> templates

`board` has the routes and `server` serves them.
"""
