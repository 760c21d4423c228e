"""Bridges: registered rules in HIPS autograd, PyTorch and JAX.
Each host is a module, imported only when asked for."""
