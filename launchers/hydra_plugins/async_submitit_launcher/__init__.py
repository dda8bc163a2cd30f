"""The Hydra launchers ``async_local`` and ``async_slurm``, on Submitit."""
