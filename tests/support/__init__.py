"""What the tests share: real servers, databases of their own, real processes, and waiting with a deadline."""
