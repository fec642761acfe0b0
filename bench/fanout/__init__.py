"""Fan-out: what a delivery costs, beside the naive way and a limit in C.

    load.c, script.c, tally.c   the load client: very many subscribers that check what they receive
    limit.c                     the limit: a broadcaster in C
    subjects.py                 what is measured, each behind the same few methods
    scenarios.py                how it is driven
    targets.py                  what is to be reached
    app/                        the Django app whose changes are fanned out, and the naive way beside it

`python -m bench.fanout` prints the table; see `__main__`.
"""
