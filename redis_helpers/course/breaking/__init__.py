"""What lessons break things with."""
