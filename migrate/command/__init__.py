"""The command around the converter: what it is asked, which files it reads,
how it writes them, what it tells."""
