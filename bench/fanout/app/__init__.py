"""What is fanned out: a small table that Tideline watches, and its twin for the naive way, which no trigger sees."""
