"""Bayesian optimization by Ax: all modules that import Ax, BoTorch or torch."""
