"""What gptwatch makes for people: each output takes an Analysis, returns bytes."""
