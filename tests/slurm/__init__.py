"""A real Slurm cluster for the tests."""
