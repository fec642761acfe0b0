"""What was bought: orders, their lines and their history. Imports stock, catalogue and accounts."""
