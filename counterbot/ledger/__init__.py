"""What the bot knows and owes: inbox, work, outbox and history, in one database.

It never decides what to do; it makes what was decided last. ``schema`` is the tables, ``store`` the
connection and its transactions, ``book`` what can be noted and claimed, ``rows`` turns rows into
core's nouns, ``history`` keeps samples, ``status`` counts.
"""

from .book import BuildWork, Claimed, EventWork, Ledger, ReportWork
from .store import LedgerError, Lost

__all__ = ["BuildWork", "Claimed", "EventWork", "Ledger", "LedgerError", "Lost", "ReportWork"]
