"""One run of the sweeper's process: check the config, take the lock, run the sweep, report the result."""
