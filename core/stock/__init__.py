"""What lies where: warehouses and their stock. Imports catalogue and accounts of the shop's parts."""
