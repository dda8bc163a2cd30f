"""Slurm jobs that take the trials of a sweep one after the other, and what the sweep sees of them."""
