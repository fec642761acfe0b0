"""Benchmarks: each prints a table and, with `OUT=file.json`, writes one object per row, units in the names.

They start private PostgreSQL and Valkey servers, real relays and real servers, and talk to them as a client
would. Figures are for comparison within one run: medians, and ratios to the way beside them.
"""
