r"""Reports to hand over: what a period was, for a board meeting, as a page, a PDF, a workbook or a table.

    Queries, audits, publications -> gather -> Report (model) -> findings, sections -> Document -> html, pdf, xlsx, csv
                                                     shelf (what was given out, a new version beside it) <- schedule

A report is made whole before a byte of it is given out, so that whoever shares one has a copy that stays as it was.
"""
