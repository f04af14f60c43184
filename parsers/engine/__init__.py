"""The engine: lines, templates, numbers, steps and epoch offsets of any format."""
