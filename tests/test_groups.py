"""Tests that share a Meltano project, or something that takes long to set up, run one by one."""

from __future__ import annotations

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="there is one process")
@pytest.mark.xdist_group("any")
def test_the_tests_of_a_group_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """pytest-xdist 3.8 tells groups by what it writes into a test's id, which pytest 9.2 drops."""
    assert request.node.nodeid.endswith("@any")
