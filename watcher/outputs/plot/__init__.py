"""Pictures: one run, or several compared."""
