"""Event sources that invoke functions as AWS Lambda's own pollers do.

Each source is an object with `run()`, which works until it is cancelled, and `status()`, which says
how it is doing in plain JSON values. Run an object once; make a new one to start again.
"""

from local.sources.queues import QueuePoller
from local.sources.schedules import Scheduler
from local.sources.streams import StreamPoller

__all__ = ["QueuePoller", "Scheduler", "StreamPoller"]
