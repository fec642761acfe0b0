"""Changes to orders: placing them, moving them on, and keeping them in order. Each is one transaction."""
