"""`--first-contact`: what no document says of Moesif's API, asked of a live account.

It only reads. The report holds names from Moesif's published reference, types, yes and no, and
rounded counts; nothing of a document, so that it can be pasted into an issue.
"""

from tap_moesif.contact.probe import Probe, Reply
from tap_moesif.contact.questions import Contact
from tap_moesif.contact.report import Answer, report

__all__ = ["Answer", "Contact", "Probe", "Reply", "report"]
