"""`--first-contact`: finds out from a live account what Moesif's documentation does not say.

It only reads. The report contains published field names, types, yes or no, and rounded counts, but
no values of documents, so it can be pasted into an issue.
"""

from tap_moesif.contact.probe import Probe, Reply
from tap_moesif.contact.questions import Contact
from tap_moesif.contact.report import Answer, report

__all__ = ["Answer", "Contact", "Probe", "Reply", "report"]
