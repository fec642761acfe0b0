"""The drivers: the loops that run the way of a change. The relay, the hub, the sessions, who may still see what.

They own the tasks, the clock and the randomness, and hand values to the pure machines. May import: the
adapters and everything below them.
"""
