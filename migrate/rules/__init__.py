"""What every legacy language says, and nothing of how it says it."""
