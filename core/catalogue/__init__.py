"""What is sold: materials with their prices. Imports accounts alone of the shop's parts."""
