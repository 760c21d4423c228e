"""Rules that stay where they stand: their bodies become what the target language wants."""
