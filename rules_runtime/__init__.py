"""Rules for automatic differentiation over numpy."""
