"""What people look at: any window of any curve, lines of a log around a point."""
