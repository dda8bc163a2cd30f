"""The Hydra sweeper ``ax_moo``."""
