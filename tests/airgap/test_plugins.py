"""The plugins' executables, without engine, compiler, cluster or Docker."""

from importlib.metadata import version
from pathlib import Path

import pytest

from airgap import plugins, tools


def test_every_executable_starts_the_built_program_as_what_it_stands_in_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    monkeypatch.setattr(tools, "prepare", lambda *names: built.extend(names))
    plugins.install(tmp_path, "/some/python")
    assert built == ["pulumi-resource-kubernetes", "stand-ins"], "the first is the official one"
    program = tools.find("stand-ins")
    script = Path(plugins.__file__).with_name("program.py")
    assert script.is_file()
    expected = {
        "pulumi-language-python": f'python "/some/python" "{script}"',
        # Else the engine would warn of a plugin that is older than the program's package.
        "pulumi-resource-docker": f"docker {version('pulumi-docker')}",
        "pulumi-resource-random": f"random {version('pulumi-random')}",
    }
    assert {path.name for path in tmp_path.iterdir()} == expected.keys()
    for name, arguments in expected.items():
        assert (tmp_path / name).stat().st_mode & 0o111
        assert f'exec "{program}" {arguments} "$@"' in (tmp_path / name).read_text()
