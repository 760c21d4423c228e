"""What a run tells about each file, and one module for each way to print it."""
