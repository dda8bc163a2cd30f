"""The files of a sweep folder."""
