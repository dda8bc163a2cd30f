"""The journal, sweep.jsonl: its writer, its readers, its format, and the check of every line that is read."""

from ax_moo.storage.files import JOURNAL_FILE
from ax_moo.storage.journal.format import FORMAT, ID, PULLED, from_line, id_of, new_id, to_line
from ax_moo.storage.journal.journal import Journal, JournalReplaced, JournalTaken
from ax_moo.storage.journal.reader import events, header, last_states, trials
from ax_moo.storage.journal.tail import JournalTail

__all__ = [
    "FORMAT",
    "ID",
    "JOURNAL_FILE",
    "PULLED",
    "Journal",
    "JournalReplaced",
    "JournalTail",
    "JournalTaken",
    "events",
    "from_line",
    "header",
    "id_of",
    "last_states",
    "new_id",
    "to_line",
    "trials",
]
