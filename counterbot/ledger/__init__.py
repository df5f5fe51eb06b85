"""What the bot knows and owes: inbox, work, outbox and history, in one database.

It never decides what to do; it makes what was decided last. ``schema`` is the tables, ``store`` the
connection and its transactions, ``book`` what can be noted and claimed, ``claims`` what is handed
out, ``rows`` turns rows into core's nouns, ``history`` keeps samples, ``status`` counts.
"""

from .book import Ledger
from .claims import BuildNoted, BuildWork, Claimed, EventWork, ReportWork
from .store import LedgerError, Lost

__all__ = ["BuildNoted", "BuildWork", "Claimed", "EventWork", "Ledger", "LedgerError", "Lost", "ReportWork"]
