"""What the bot knows and what is pending, in one database. It decides nothing.

``inbox``, ``builds``, ``reports`` and ``outbox`` hold work on its way; ``history``, ``failures`` and ``templates`` what
stays; ``work`` is what is handed out. ``schema`` is the tables, ``store`` transactions and claims, ``dialects`` how
databases differ.
"""

from .ledger import Ledger
from .store import LedgerError, Lost
from .work import BuildWork, DeliveryWork, EventWork, ExaminedBuild, FailedRun, PastBuild, ReportWork, Run

__all__ = ["BuildWork", "DeliveryWork", "EventWork", "ExaminedBuild", "FailedRun", "Ledger", "LedgerError", "Lost",
           "PastBuild", "ReportWork", "Run"]
