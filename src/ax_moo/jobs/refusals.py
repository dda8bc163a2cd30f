"""How often a job that a launcher has refused is submitted again, for the sweep and for a launcher's own batch."""

AGAIN_SECONDS = 10.0
MOST_REFUSALS = 60
"""After this many refusals in a row, with no job running whose end could help, submitting is given up."""
