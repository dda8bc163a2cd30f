"""One start of the sweeper, from the checked config to the words at its end."""
