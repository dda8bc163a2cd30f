"""The plug-in that Hydra finds: the launchers ``async_local`` and ``async_slurm``, on Submitit."""
