"""`gptwatch top`: the full-screen view; a pure core, and curses that paints it."""
