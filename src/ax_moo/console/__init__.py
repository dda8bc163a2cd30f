"""Shows a sweep's progress and results on a terminal."""
