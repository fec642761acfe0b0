"""The way that everyone copies: post_save → group_send → one consumer per socket.

It stands beside Tideline in the benchmarks and is used nowhere else: it loses what is not written through
`save()`, what was rolled back is seen, and a message that Redis drops is gone.
"""
