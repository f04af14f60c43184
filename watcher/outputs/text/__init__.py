"""Text for people: one catalogue of messages, one form for each number."""
