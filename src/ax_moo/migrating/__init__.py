"""Rewrites the config of another Hydra sweeper as ours: ``ax-moo migrate``."""
