"""Reports: text, terminal and JSON."""
