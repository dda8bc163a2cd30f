"""What a sweep is after, and which trials are best."""
