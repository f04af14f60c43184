"""Logs of unknown programs: keys, values and records in free text."""
