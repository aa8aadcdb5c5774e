"""What machines see of a service: whether it is alive, whether it is ready and why not, and its metrics.

ingest's status and ledger, the jobs' runs, the store -> parts -> health -> server (a loopback port), the board
"""
