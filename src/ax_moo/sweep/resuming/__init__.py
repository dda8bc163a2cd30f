"""Coming back to a sweep: may it go on, whose are its jobs, and where does each trial continue."""
