"""The adapters: everything that the engine says to PostgreSQL and to the channel layer.

    capture      the triggers that fill the inbox, and the migration operation that installs them
    assignment   how the relay numbers what is in the inbox; epochs and segments of the log beside it
    log          how a hub reads the log and snapshots
    bus          how batches travel

All SQL is here. Outages become `LogUnavailable` and `BusUnavailable`. May import: declarations and the pure core.
"""
