"""Changes to notifications: telling people, noting what they have read, and keeping the live topic small."""
