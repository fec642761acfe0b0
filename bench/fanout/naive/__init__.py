"""The way that everyone copies, for the table of ticks: post_save → group_send → one consumer per socket."""
