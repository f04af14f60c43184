"""The systemd service: its files, their installation and removal; checks."""
