"""The port to launchers, and any other Hydra launcher behind it."""
