"""What one types after `gptwatch`: one module a command."""
