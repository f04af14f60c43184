"""Russian translations, keyed by the English text: one table for each area."""
