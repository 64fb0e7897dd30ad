"""What is published works where this repository is not."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
import yaml
from packaging.metadata import Metadata

from commands import run, sandbox
from project import PROJECT
from wheels import NEEDS, RESOLUTIONS, install

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.wheels

MODULES = {package: package.replace("-", "_") for package in NEEDS} | {"sandbox": "moesif_sandbox"}
CLEAN = {"PYTHONPATH": "", "PYTHONSAFEPATH": "1"}


@pytest.fixture(scope="module", params=RESOLUTIONS)
def commands(
    request: pytest.FixtureRequest,
    wheels: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Path]:
    """Gives where a package's commands are, each package in an environment of its own."""
    folder = tmp_path_factory.mktemp("environments")
    return cache(lambda package: install(folder, wheels, package, request.param))


def output(folder: Path, *command: str | Path) -> str:
    return subprocess.run(
        command, cwd=folder, env=CLEAN, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("package", NEEDS)
def test_a_wheel_holds_the_package_whole_and_nothing_besides(
    wheels: dict[str, Path], package: str
) -> None:
    here = PROJECT / package
    with ZipFile(wheels[package]) as wheel:
        files = {name for name in wheel.namelist() if ".dist-info/" not in name}
        [licence] = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
        assert wheel.read(licence) == (PROJECT / "LICENSE").read_bytes()
    module = here / MODULES[package]
    own = {path for path in module.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert files == {str(path.relative_to(here)) for path in own}
    assert f"{MODULES[package]}/py.typed" in files


@pytest.mark.parametrize("package", NEEDS)
def test_a_wheel_says_what_an_index_shows(wheels: dict[str, Path], package: str) -> None:
    with ZipFile(wheels[package]) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith("/METADATA")]
        metadata = Metadata.from_email(wheel.read(name), validate=True)
    assert metadata.description == (PROJECT / package / "README.md").read_text()
    assert metadata.description_content_type == "text/markdown"
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.summary
    assert metadata.keywords
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    tested = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert str(metadata.requires_python) == f">={tested[0]}"
    said = [found[1] for c in metadata.classifiers or () if (found := re.search(r":: (3\.\d+)", c))]
    assert said == tested
    assert {"Typing :: Typed", "Operating System :: POSIX"} <= {*(metadata.classifiers or ())}
    assert {"Changelog", "Documentation", "Issues", "Source"} == {*(metadata.project_urls or ())}


def test_everything_published_works_without_the_repository(
    commands: Callable[[str], Path], wheels: dict[str, Path], tmp_path: Path
) -> None:
    """Also with the lowest versions of what it needs."""
    tap, segment, moesif = (commands(p) for p in ("tap-moesif", "target-segment", "target-moesif"))
    for folder, command in ((tap, "tap-moesif"), (segment, "target-segment")):
        version = wheels[command].name.split("-")[1]
        assert output(tmp_path, folder / command, "--version").startswith(f"{command} v{version},")
        about = json.loads(output(tmp_path, folder / command, "--about", "--format=json"))
        assert about["name"] == command
    served = sandbox("--users", "20", command=str(commands("sandbox") / "moesif-sandbox"))
    with served as services:
        where = f"{services.url}/moesif/api/v1"
        source = {"management_api_key": "sandbox-management-key", "api_url": where}
        tapped = run(str(tap / "tap-moesif"), tmp_path, source, env=CLEAN)
        assert tapped.code == 0, tapped.stderr

        settings = {"write_key": "sandbox-write-key", "host": f"{services.url}/segment"}
        sent = run(
            str(segment / "target-segment"), tmp_path, settings, lines=tapped.lines, env=CLEAN
        )
        assert sent.code == 0, sent.stderr
        assert services.segment()["counts"]["accepted"] == 20

        where = f"{services.url}/moesif/collector/v1"
        settings = {"application_id": "sandbox-application-id", "api_url": where}
        sent = run(str(moesif / "target-moesif"), tmp_path, settings, lines=tapped.lines, env=CLEAN)
        assert sent.code == 0, sent.stderr
        assert len(services.collector()["accepted"]["users"]) == 20
