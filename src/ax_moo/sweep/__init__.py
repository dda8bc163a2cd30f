"""The asynchronous loop of a sweep: it asks for candidates, submits jobs and collects their results."""
