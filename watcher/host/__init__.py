"""The host: file systems, writers, inotify, locks and systemd."""
