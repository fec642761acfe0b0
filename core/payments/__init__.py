"""Payments: what the provider says of an order's money, and what follows from it."""
