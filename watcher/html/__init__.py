"""The modules of the page in one file: the report, and its words."""
