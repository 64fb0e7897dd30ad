"""The errors of a target, by what happens next.

DeliveryError           the run ends
├── InputError          a line is not a Singer message: exit 1
├── ServiceError        the service refuses the sender, or cannot be reached: exit 1
├── OutputError         a file or stdout cannot be written: exit 1
└── Interrupted         SIGINT or SIGTERM: exit 130 or 143
RecordRejected          this record goes to the rejects file; the run continues
RecordSkipped           this record is skipped on purpose; the run continues

No message contains a payload, a key or a user id. `make settings` writes the sentence, exit code
and advice of each class to `docs/failures.md`.
"""

from singer_delivery.errors.base import (
    DeliveryError,
    InputError,
    OperatorError,
    OutputError,
    RecordRejected,
    RecordSkipped,
    ServiceError,
)
from singer_delivery.errors.files import (
    BucketError,
    DryRunFileError,
    HistoryFileError,
    MetricsFileError,
    OutcomesFileError,
    RejectsFileError,
    SpoolError,
    StateNotWrittenError,
    SummaryFileError,
    UploadError,
)
from singer_delivery.errors.fingerprints import (
    FingerprintsDatabaseError,
    FingerprintsError,
    FingerprintsInUseError,
    FingerprintsMovedError,
    LeaseLostError,
    TooManyRemovedError,
)
from singer_delivery.errors.input import (
    NoInputError,
    NoSchemaError,
    ReplayError,
    StreamMapError,
    UncheckableError,
    UnknownStreamError,
)
from singer_delivery.errors.run import (
    CountsError,
    DefectError,
    Interrupted,
    place_of,
)
from singer_delivery.errors.service import (
    AllRefusedError,
    LongWaitError,
    ManyWaitsError,
    NoDeliveryError,
    SenderRefusedError,
)

__all__ = [
    "AllRefusedError",
    "BucketError",
    "CountsError",
    "DefectError",
    "DeliveryError",
    "DryRunFileError",
    "FingerprintsDatabaseError",
    "FingerprintsError",
    "FingerprintsInUseError",
    "FingerprintsMovedError",
    "HistoryFileError",
    "InputError",
    "Interrupted",
    "LeaseLostError",
    "LongWaitError",
    "ManyWaitsError",
    "MetricsFileError",
    "NoDeliveryError",
    "NoInputError",
    "NoSchemaError",
    "OperatorError",
    "OutcomesFileError",
    "OutputError",
    "RecordRejected",
    "RecordSkipped",
    "RejectsFileError",
    "ReplayError",
    "SenderRefusedError",
    "ServiceError",
    "SpoolError",
    "StateNotWrittenError",
    "StreamMapError",
    "SummaryFileError",
    "TooManyRemovedError",
    "UncheckableError",
    "UnknownStreamError",
    "UploadError",
    "place_of",
]
