"""The command line program ``ax-moo``, with one module for each of its commands."""
