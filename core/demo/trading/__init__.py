"""Live trade with the demo's data: what happens in a shop, faster.

Actions are what people and programs do to the tables: mostly through the services, some on purpose through
bulk updates and plain SQL, as importers and old scripts do. They keep the data plausible for any length of
time: stock is never negative and is replenished, prices return to their level, live orders stay few, old
ones go.
"""
