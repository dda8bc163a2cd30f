"""Processes that begin with their imports done: forks of a process that has imported what trials import."""
