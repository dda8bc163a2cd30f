"""The Hydra plug-in for ``hydra/sweeper=ax_moo``."""
