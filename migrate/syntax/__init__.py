"""Python text: reading it, cutting it, changing it, and which variable a name means."""
