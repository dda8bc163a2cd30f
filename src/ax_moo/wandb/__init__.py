"""The sweep in Weights & Biases: its own run, and what is read from and written to a project."""
