"""The names of the files that a sweep itself has in its folder, beside the folders of its trials."""

from ax_moo.html_report.writing import REPORT_FILE
from ax_moo.results.tables import RESULTS_FILE, TRIALS_FILE
from ax_moo.storage.files import CONFIG_FILE, JOURNAL_FILE
from ax_moo.storage.lock_record import LOCK_FILE
from ax_moo.storage.stop_request import STOP_FILE

OWN_FILES = (JOURNAL_FILE, LOCK_FILE, STOP_FILE, CONFIG_FILE, TRIALS_FILE, RESULTS_FILE, REPORT_FILE)
