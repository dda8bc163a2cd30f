"""The search space: its parameters, and Hydra's override grammar in which they are written."""
