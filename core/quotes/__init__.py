"""Quotes: what a quantity of a material costs at this moment, and the promise to keep that price."""
