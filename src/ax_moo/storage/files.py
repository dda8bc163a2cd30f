"""The names in a sweep folder that more than one room must know."""

from ax_moo.jobs import folders

JOURNAL_FILE = "sweep.jsonl"
CONFIG_FILE = "multirun.yaml"
OWN_FOLDERS = (folders.DEFAULT, "wandb")
"""The subfolders that are the sweep's own, and no trial's."""

HOME = "home"
"""The key, in the journal's first line and in the lock, of the folder in which the sweep runs."""
