"""gptwatch as a service of systemd: where it lives, its files, how they come and go."""
