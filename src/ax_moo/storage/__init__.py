"""The files of a sweep folder: the journal, the lock with its heartbeat, and the request to stop."""
