"""`tradepost replay`: real invoices as orders through the whole system, and a report of where everything went."""

from local.replay.report import Report
from local.replay.run import replay

__all__ = ["Report", "replay"]
