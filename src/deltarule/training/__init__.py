"""Training: one loop that yields reports; settings, stopping and history."""
