"""The code that runs in a job's own process."""
