"""Updates lists that are generated from the code.

    make settings

- Settings, from a connector's `--about`: a table in its README, `meltano.yml`, and its definition
for
  Meltano's hub. Capabilities: the last two.
- The tap's streams, from `tap_moesif.streams`: a table in its README, the scopes of the key, and
  Meltano's selection.
- The repository's address, from `tool.repository.url` in `pyproject.toml`: the packages' metadata,
  the definitions and the README.
- Errors, from their classes: the tables of `docs/failures.md`.

Everything else in these files is written by hand and is not changed.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from contextlib import redirect_stdout, suppress
from importlib.metadata import entry_points
from inspect import getdoc
from io import StringIO
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

import yaml

import target_moesif.client
import target_segment.client
from singer_delivery.errors import DeliveryError, Interrupted, OperatorError
from tap_moesif.errors import MoesifError
from tap_moesif.service.errors import AttemptError, GivenUpError, TooLargeError
from tap_moesif.streams import STREAMS
from tap_moesif.tap import DEFAULT_SCOPES
from tap_moesif.usage import EVENTS_SCOPE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from tap_moesif.streams import MoesifStream

    About = Mapping[str, Any]
    Settings = Mapping[str, Mapping[str, Any]]

FROM_SINGER_SDK = ("stream_map", "flattening", "faker", "batch_config")
KINDS = {"number": "string"}  # Meltano 4.4 fails on a decimal that comes from the environment
UNDER_MELTANO = {
    "rejects_path": "$MELTANO_PROJECT_ROOT/output/rejects/{target}-{date}.singer.jsonl",
    "fingerprints_path": "$MELTANO_PROJECT_ROOT/output/fingerprints/{target}.sqlite",
    "full_refresh": "$MELTANO_RUN_FULL_REFRESH",
    "spool_path": "$MELTANO_PROJECT_ROOT/output/spool/{target}",
}
"""Defaults in Meltano that differ, because it may run in any folder."""
NOT_IN_MELTANO = {"validate-records"}
"""Capabilities that are not in Meltano's schema."""


def connectors(root: Path) -> list[str]:
    """Name the connectors: the folders that hold a definition for Meltano's hub."""
    return sorted(path.parent.name for path in root.glob("*/meltano-hub.yml"))


def about(connector: str) -> About:
    """Return the output of a connector's `--about`."""
    [command] = entry_points(group="console_scripts", name=connector)
    with redirect_stdout(StringIO()) as output, suppress(SystemExit):  # it exits afterwards
        command.load().main(["--about", "--format=json"], standalone_mode=False)
    about: About = json.loads(output.getvalue())
    return about


def settings_of(told: About) -> Settings:
    """Return a connector's own settings, without those of singer-sdk."""
    return {
        name: setting
        for name, setting in told["settings"]["properties"].items()
        if not name.startswith(FROM_SINGER_SDK)
    }


def capabilities(told: About) -> Iterator[str]:
    """Yield the line of a connector's capabilities in Meltano's files."""
    yield f"capabilities: {_flow(sorted({*told['capabilities']} - NOT_IN_MELTANO))}"


def rows(settings: Settings, required: Collection[str]) -> Iterator[str]:
    """Yield the rows of settings in a README's table.

    Args:
        settings: The settings.
        required: Names of the required settings.
    """
    for name, setting in settings.items():
        default = setting.get("default")
        shown = "" if default is None else f"`{json.dumps(default).strip(chr(34))}`"
        if setting.get("secret"):
            shown = "required, secret" if name in required else "secret"
        yield f"| `{name}` | {shown} | {setting['description']} |"


def entries(settings: Settings) -> Iterator[str]:
    """Yield settings as declared in Meltano's files."""
    for name, setting in settings.items():
        keys = [f"{key}: {_flow(value)}" for key, value in _declaration(name, setting).items()]
        yield "- " + "\n  ".join(keys)


def _declaration(name: str, setting: Mapping[str, Any]) -> dict[str, Any]:
    kind = setting["type"][0]
    declared = {"name": name, "label": setting.get("title", name), "kind": KINDS.get(kind, kind)}
    if "enum" in setting:
        declared["kind"] = "options"
    elif setting.get("format") == "date-time":
        declared["kind"] = "date_iso8601"
    if (default := UNDER_MELTANO.get(name, setting.get("default"))) is not None:
        declared["value"] = str(default) if kind in KINDS else default
    declared["description"] = setting["description"]
    if setting.get("secret"):
        declared["sensitive"] = True
    if "enum" in setting:
        declared["options"] = [{"label": value, "value": value} for value in setting["enum"]]
    return declared


def _flow(value: object) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=sys.maxsize
    )
    return text.removesuffix("\n").removesuffix("\n...")


def replaced(path: Path, text: str, before: str, line: str, lines: Iterator[str]) -> str:
    """Replace the lines with a prefix that follow some other text.

    Args:
        path: Path of the file, for the error message.
        text: Content of the file.
        before: Pattern of the preceding text.
        line: Pattern of the prefix.
        lines: The new lines.
    """
    new = "".join(f"{one}\n" for one in lines)
    text, count = re.subn(
        rf"^({before})(?:{line}.*\n)+", lambda found: found[1] + new, text, flags=re.MULTILINE
    )
    if count != 1:
        sys.exit(f"{path} has {count} lists after {before!r}, but should have one.")
    return text


def urls(repository: str, package: str) -> Iterator[str]:
    """Yield a package's URLs for PyPI."""
    yield f'Documentation = "{repository}/tree/main/{package}#readme"'
    yield f'Source = "{repository}"'
    yield f'Changelog = "{repository}/blob/main/CHANGELOG.md"'
    yield f'Issues = "{repository}/issues"'


class Files(dict[Path, str]):
    """The new content of files, by path."""

    def __missing__(self, path: Path) -> str:
        """Read a file."""
        self[path] = path.read_text()
        return self[path]

    def replace(self, path: Path, before: str, line: str, lines: Iterator[str]) -> None:
        """Replace the lines with a prefix that follow some other text."""
        self[path] = replaced(path, self[path], before, line, lines)


def address(files: Files, root: Path) -> None:
    """Write the repository's address."""
    repository = _pyproject(root)["tool"]["repository"]["url"]
    for path in sorted(root.glob("*/pyproject.toml")):
        files.replace(path, r"\[project\.urls\]\n", r"\w+ = ", urls(repository, path.parent.name))
    for connector in connectors(root):
        path = root / connector / "meltano-hub.yml"
        files.replace(path, "", "repo:", iter([f"repo: {repository}"]))
    readme, version = root / "README.md", _pyproject(root / "tap-moesif")["project"]["version"]
    released = f"git+{repository}@v{version}"
    files[readme] = re.sub(r"git\+https://[^\s\"#]+", released, files[readme])


def _pyproject(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def list_settings(files: Files, root: Path) -> None:
    """List the settings and the capabilities of each connector."""
    project = root / "meltano.yml"
    for connector in connectors(root):
        told = about(connector)
        settings = settings_of(told)
        readme, hub = root / connector / "README.md", root / connector / "meltano-hub.yml"
        table = r"\| setting \| default \| effect \|\n\|---\|---\|---\|\n"
        files.replace(readme, table, r"\|", rows(settings, told["settings"].get("required", ())))
        files.replace(hub, "", "capabilities:", capabilities(told))
        files.replace(hub, "settings:\n", "[- ] ", entries(settings))
        plugin = _plugin(connector)
        files.replace(project, plugin, "    capabilities:", _indented(capabilities(told)))
        files.replace(
            project, f"{plugin}    settings:\n", "    [- ] ", _indented(entries(settings))
        )


def list_streams(files: Files, root: Path) -> None:
    """List the tap's streams, the scopes of its key, and Meltano's selection."""
    readme = root / "tap-moesif" / "README.md"
    table = r"\| stream \| scopes of the key \| what is emitted in each run \|\n\|---\|---\|---\|\n"
    files.replace(readme, table, r"\|", stream_rows())
    scopes = sorted({*DEFAULT_SCOPES, EVENTS_SCOPE})
    shown = ", ".join(f"`{scope}`" for scope in scopes)
    files.replace(root / "README.md", "", "`read:", iter([shown]))
    key = "# A key for Moesif's Management API with the scopes "
    files.replace(root / ".env.example", "", key, iter([f"{key}{', '.join(scopes)}."]))
    chosen = [f"{name_of(stream)}.*" for stream in STREAMS if stream.selected_by_default]
    for page in (readme, root / "README.md"):
        files.replace(page, "", "    select: ", iter([f"    select: {_flow(chosen)}"]))
    lines = [f"- {_flow(pattern)}" for pattern in chosen]
    files.replace(root / "tap-moesif" / "meltano-hub.yml", "select:\n", "- ", iter(lines))
    plugin = rf"{_plugin('tap-moesif')}    select:.*\n"
    files.replace(root / "meltano.yml", plugin, "    - ", _indented(iter(lines)))


def stream_rows() -> Iterator[str]:
    """Yield the rows of streams in the README's table, those selected by default first."""
    for stream in sorted(STREAMS, key=lambda stream: not stream.selected_by_default):
        scopes = ", ".join(f"`{scope}`" for scope in stream.scopes)
        default = "" if stream.selected_by_default else "; not selected by default"
        yield f"| `{name_of(stream)}` | {scopes} | {stream.contents}{default} |"


def list_failures(files: Files, root: Path) -> None:
    """List the errors that end a run, by the package that raises them."""
    page = root / "docs" / "failures.md"
    head = r"\| the last sentence of the log \| exit code \| what it means, and what to do \|\n"
    errors = [*_leaves(DeliveryError), *_leaves(MoesifError)]
    for package, title in (
        ("tap_moesif", "Of tap-moesif"),
        ("singer_delivery", "Of both targets"),
        (target_segment.__name__, "Of target-segment alone"),
        (target_moesif.__name__, "Of target-moesif alone"),
    ):
        found = [error for error in errors if error.__module__.startswith(f"{package}.")]
        files.replace(page, rf"{title}:\n\n{head}\|---\|---\|---\|\n", r"\|", failure_rows(found))


def _leaves(error: type[OperatorError]) -> Iterator[type[OperatorError]]:
    """Yield the subclasses with their own sentence."""
    for kind in error.__subclasses__():
        inherited = {base.sentence for base in kind.__mro__[1:] if issubclass(base, OperatorError)}
        if kind.sentence not in inherited and kind is not GivenUpError:
            yield kind
        yield from _leaves(kind)


def failure_rows(errors: Iterable[type[OperatorError]]) -> Iterator[str]:
    """Yield the rows of errors in the table."""
    for error in dict.fromkeys(errors):
        sentence, meaning = _shown(error.sentence), (getdoc(error) or "").split("\n", 1)[0]
        if issubclass(error, TooLargeError):
            sentence += f" {_shown(error.advice)}"
        elif issubclass(error, AttemptError):
            sentence += f" … {_shown(error.advice)}"
        elif error.advice:
            meaning += f" {error.advice}"
        for code in (143, 130) if error is Interrupted else (error.exit_code,):
            yield f"| `{sentence}` | {code} | {meaning} |"


def _shown(sentence: str) -> str:
    """Replace each value of a sentence by `…`."""
    parts = Formatter().parse(sentence)
    text = "".join(text + ("" if field is None else "…") for text, field, _, _ in parts)
    return text.replace("……", "…").replace("….…", "….")


def name_of(stream: type[MoesifStream]) -> str:
    """Return a stream's name, which singer-sdk declares for instances only."""
    name: str = vars(stream)["name"]
    return name


def _plugin(connector: str) -> str:
    return rf"  - name: {connector}\n(?:    .*\n)*?"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (re.sub("^", "    ", line, flags=re.MULTILINE) for line in lines)


def main() -> None:
    """Update files, or only list those that are out of date."""
    parser = argparse.ArgumentParser(description="Update generated lists.")
    parser.add_argument("--check", action="store_true", help="only list files that are out of date")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="root folder")
    wanted = parser.parse_args()
    files = Files()
    for write in (address, list_settings, list_streams, list_failures):
        write(files, wanted.root)
    stale = [(path, text) for path, text in files.items() if path.read_text() != text]
    for path, text in stale:
        print(path.relative_to(wanted.root))
        if not wanted.check:
            path.write_text(text)
    if stale and wanted.check:
        sys.exit("Out of date; run `make settings`.")


if __name__ == "__main__":
    main()
