"""The command ``ax-moo``: one module for each of its commands."""
