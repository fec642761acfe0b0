"""What people are told: notifications, who has read which, and the live topic of each person's own.

Imports accounts alone, so that stock and orders may tell people things in their own transactions. A notification
is one row however many people it is for; who that is, is decided where it is read (`audience`).
"""
