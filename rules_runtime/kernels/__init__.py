"""Numpy kernels that the rules and the tape share."""
