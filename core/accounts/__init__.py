"""Who people are: users, their roles, and the customers that they buy for. Imports no other part of the shop."""
