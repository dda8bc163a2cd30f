"""Makes tables, a status and comparisons from the trials of a sweep."""
