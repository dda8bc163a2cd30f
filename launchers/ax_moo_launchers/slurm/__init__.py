"""Slurm jobs, for `async_slurm`."""
