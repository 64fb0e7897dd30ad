"""`tap-moesif --windows`: splits a first load into windows for several runs."""

from tap_moesif.windows.cutting import MAX_WINDOWS
from tap_moesif.windows.planning import plan

__all__ = ["MAX_WINDOWS", "plan"]
