"""What a connection costs at the edge: `make bench-edge`, five minutes; `QUICK=1` for a fraction of it.

    latency  from the write to the client, 500 changes a second to 200 subscribers of them all
    idle     memory of an idle connection, and processor use of 10,000, beside plain Daphne
    shared   10,000 connections, each with a change a second from a topic that 100 share
    slow     clients that don't read, and what the others notice of them
    storm    many that come at once, and come back at once

Each prints what was measured, and beside it the target and whether it was reached. Everything is compared within
one run, on private servers.
"""
