r"""Who may see what on the board and in the API.

    request -> Gate: a token, a session, or a browser on this machine? -> Visitor -> pages and API, of its hubs alone
    `hubpulse users` -> accounts.db (the data folder) <- read by the board, which never writes it

Sessions live in the board's memory: after a restart everybody signs in again.
"""
