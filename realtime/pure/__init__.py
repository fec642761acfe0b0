"""The pure core: values and state machines of the way of a change.

Nothing here imports Django, asyncio, Redis or psycopg, reads a clock or draws a random number: time and
randomness come in as parameters. Inputs are values, outputs are values (frames, effects), so that the
same code is driven by the drivers, by tables of cases and by the simulator.

May import: the standard library, msgspec, `realtime.errors`.
"""
