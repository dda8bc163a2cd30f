"""The name of the file in a sweep folder that more than one module must know."""

JOURNAL_FILE = "sweep.jsonl"
