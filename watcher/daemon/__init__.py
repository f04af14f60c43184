"""The daemon: one owner thread, its mailbox, scheduler and worker."""
