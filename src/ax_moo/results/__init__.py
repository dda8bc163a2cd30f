"""Tables and figures of the trials of a sweep."""
