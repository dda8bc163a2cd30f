"""Jobs on this machine and on Slurm, through Submitit."""
