"""The launchers `async_local` and `async_slurm`: jobs on this machine and on Slurm, through Submitit."""
