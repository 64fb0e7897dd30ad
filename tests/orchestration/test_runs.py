from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltano_airflow.errors import MeltanoError, NonRetryableError
from meltano_airflow.runs import deliver, output_of, reads_moesif, setting

if TYPE_CHECKING:
    from tests.orchestration.conftest import Fake

SUMMARY = """
Path(os.environ["TARGET_SEGMENT_SUMMARY_PATH"]).write_text(json.dumps(%s))
"""


def run(fake: Fake, *plugins: str, **settings: str) -> dict[str, object]:
    return deliver(fake.project(), ["run", "job"], plugins or ("target-segment",), settings, print)


def test_a_run_gives_the_summary_of_each_target_that_writes_one(fake: Fake) -> None:
    fake.does(SUMMARY % {"read": 3, "exit_code": 0})
    found = run(fake, "tap-moesif", "target-segment", "target-other")
    assert found == {"target-segment": {"read": 3, "exit_code": 0}}


def test_what_is_printed_is_logged_too(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.does("print('from a utility'); print('from a tap', file=sys.stderr)")
    run(fake)
    assert capsys.readouterr().out.splitlines() == ["from a tap", "from a utility"]


def test_settings_reach_the_connectors(fake: Fake) -> None:
    fake.does("say(os.environ['TAP_MOESIF_START_DATE'])")
    run(fake, TAP_MOESIF_START_DATE="2026-01-31")
    assert fake.said() == ["2026-01-31"]


@pytest.mark.parametrize("summary", ["", SUMMARY % {"exit_code": 1}, SUMMARY % {"exit_code": 143}])
def test_a_run_that_failed_is_worth_a_retry(fake: Fake, summary: str) -> None:
    fake.does(f"{summary}\nsys.exit(1)")
    with pytest.raises(MeltanoError, match=r"`meltano run job` exited with 1") as raised:
        run(fake)
    assert not isinstance(raised.value, NonRetryableError)


def test_a_run_that_delivered_but_for_rejects_is_not(fake: Fake) -> None:
    fake.does(f"{SUMMARY % {'exit_code': 3, 'rejected': 2}}\nsys.exit(1)")
    with pytest.raises(NonRetryableError, match="target-segment rejected 2 records"):
        run(fake)


def test_a_run_that_rejected_no_more_than_it_may_is_well(fake: Fake) -> None:
    fake.does(SUMMARY % {"exit_code": 0, "rejected": 2})
    assert run(fake)["target-segment"] == {"exit_code": 0, "rejected": 2}


def test_asking_gives_what_is_printed_and_no_log(fake: Fake) -> None:
    fake.does("print('{}'); print('log', file=sys.stderr)")
    assert output_of(fake.project(), ["state", "get"], lambda _: None) == "{}\n"
    fake.does("sys.exit(2)")
    with pytest.raises(MeltanoError, match="`meltano state get` exited with 2"):
        output_of(fake.project(), ["state", "get"], lambda _: None)


def test_variables_are_named_as_meltano_names_them() -> None:
    assert setting("tap-moesif", "start_date") == "TAP_MOESIF_START_DATE"
    assert setting("target-segment--eu", "summary_path") == "TARGET_SEGMENT__EU_SUMMARY_PATH"


def test_what_inherits_from_tap_moesif_reads_moesif_too() -> None:
    assert [
        p for p in ("tap-moesif", "tap-moesif--eu", "tap-moesify", "tap-x") if reads_moesif(p)
    ] == [
        "tap-moesif",
        "tap-moesif--eu",
    ]
