"""A run of a target, from opening its files to its exit code."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

from typing_extensions import override

from singer_delivery.buckets.urls import is_url
from singer_delivery.build import Sender, build_delivery
from singer_delivery.command import CommandTarget
from singer_delivery.delivery import STOP_SECONDS
from singer_delivery.errors import (
    DefectError,
    DeliveryError,
    Interrupted,
    OutputError,
    place_of,
)
from singer_delivery.output import Output
from singer_delivery.reading.selection import EnoughSentError
from singer_delivery.reporting.files import write_summary
from singer_delivery.reporting.run import Run
from singer_delivery.settings import DeliverySettings

if TYPE_CHECKING:
    from singer_delivery.delivery import Delivery
    from singer_delivery.reading.lines import Wakeup


class RunTarget(CommandTarget):
    """A target with its one run.

    Args:
        wakeup: Ends a wait of the reading thread.
        kwargs: The arguments of singer-sdk's `Target`.
    """

    def __init__(self, wakeup: Wakeup, **kwargs: Any) -> None:  # noqa: ANN401, those of `Target`
        self._wakeup = wakeup
        self._signal: int | None = None
        super().__init__(**kwargs)
        self._run = Run(self.name, self.plugin_version)
        self.settings = DeliverySettings.of(self.config, self.config_jsonschema)
        self.output = Output(self.settings, self._run)

    def tenant(self) -> bytes:
        """Return the `tenant` argument of `entity_key`, for `on_removed`.

        It is a digest of the key, from which the key cannot be read.
        """
        return b""

    def check(self) -> None:
        """Check, before anything is read, what the service would not report; may raise an error."""

    @cached_property
    def delivery(self) -> Delivery:
        """The delivery of this run; its lanes start at the first use."""
        return build_delivery(
            self._run,
            self.settings,
            self.service(),
            output=self.output,
            sender=Sender(
                user_agent=f"{self.name}/{self.plugin_version}",
                keys=self.key_names(),
                secrets=self.secrets(),
                addresses=self.located_by or self.addresses,
                other_secrets=self.secrets(self.other_keys),
                tenant=self.tenant(),
            ),
            max_body_bytes=self.config_jsonschema["properties"]["batch_max_bytes"]["maximum"],
            wakeup=self._wakeup,
            interrupt=self._interrupt,
            logger=self.logger,
            keeps_state=self.selection is None,
        )

    @override
    def run(self, file_input: IO[str] | None) -> int:
        """Deliver a whole input.

        Returns:
            The exit code: 0; 3 if more than `max_rejects` records were rejected; 1 if the run
            failed; 128 + n if signal n ended it.
        """
        rejects = ""
        failure: DeliveryError | None = None
        try:
            self.listen(file_input)
            code, rejects = self._outcome()
        except DeliveryError as error:
            failure = error
        except Exception as error:  # noqa: BLE001, its place is reported
            failure = DefectError(place=place_of(error))
        if failure:
            code = failure.exit_code
        code = self._report(code, str(failure or rejects))
        if failure:  # last, where readers look for it
            self.logger.error("%s", failure)
        return code

    @override
    def deliver(self, file_input: IO[str] | None) -> None:
        """Deliver a whole input; called by `listen`.

        Raises:
            DeliveryError: The run failed. STATE is written for resolved records.
        """
        self._wakeup.on_signals()
        try:
            if not self.settings.dry_run:
                self.check()
            self.output.open()
            self.delivery.open()
            try:
                self.read_input(file_input)
            except EnoughSentError:
                self.finish()
            self._interrupt()
        except Exception as error:
            self._abandon(error)
            raise

    def _abandon(self, failure: Exception) -> None:
        try:
            if self.delivery.stop():
                self.logger.info(
                    "Stopping: waiting for the requests in flight, %d s at most.", STOP_SECONDS
                )
            self.delivery.abandon(STOP_SECONDS - self.output.set_upload_deadline(STOP_SECONDS))
        except DeliveryError as another:
            if str(another) != str(failure):
                self.logger.error("%s", another)  # noqa: TRY400

    def _outcome(self) -> tuple[int, str]:
        """Return the exit code of a completed run, and a sentence if it has rejects."""
        summary, allowed = self.delivery.summary, self.settings.max_rejects
        rejected = summary.total("rejected") + summary.removals_rejected.total()
        code = 3 if 0 <= allowed < rejected else 0
        if not rejected:
            return code, ""
        if self.settings.dry_run:
            sentence = f"{rejected} records would be rejected."
        else:
            place = self.delivery.rejects.place
            replay = f"--replay {place}" if is_url(place) else "< that file"
            sentence = (
                f"{rejected} records were rejected; they are in {place} with the reasons. Fix them "
                f"and run {self.name} {replay}."
            )
        self.logger.warning("%s", sentence)
        return code, sentence

    def _report(self, code: int, sentence: str) -> int:
        counts = self.delivery.sentence()
        if self.delivery.summary.read or not code:  # otherwise the error is enough
            self.logger.info("%s", counts)
        if preview := self.delivery.reports.preview:
            sys.stderr.write(f"\n{preview.text()}\n")
            self.logger.warning("This was a dry run: nothing was sent, and no state is written.")
        if self.selection:
            sys.stderr.write(f"\n{self.selection.text(self.service().endpoints)}\n\n")
            self.logger.warning(
                "Only some records were read, and no state is written: a later run sends these "
                "again, with the same ids."
            )
        summary = self.delivery.as_dict(code)
        failures: list[DeliveryError] = [
            *write_summary(self.output, self.settings, self._run, summary, sentence or counts)
        ]
        try:
            self.delivery.measure(code)
        except OutputError as error:
            failures.append(error)
        self.output.close()
        for failure in failures:
            self.logger.error("%s", failure)
        return code or int(bool(failures))

    @override
    def stop(self, signum: int) -> None:
        # The reading thread ends the run and writes STATE.
        self._signal = self._signal or signum
        self._wakeup()

    def _interrupt(self) -> None:
        if self._signal is not None:
            raise Interrupted(self._signal)
