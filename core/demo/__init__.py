"""The demonstration: a plausible seller's data, live trade with it, and the embedded servers of `make run`.

Its passwords are published, so it touches only a database that is empty or carries its mark.
"""
