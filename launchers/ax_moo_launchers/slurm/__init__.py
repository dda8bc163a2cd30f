"""Jobs of Slurm's."""
