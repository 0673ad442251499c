"""The plugins of airgap/, called as the engine calls them. Docker is a script of the test."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from pulumi.runtime.proto import (
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
)
from pulumi.runtime.rpc import UNKNOWN

from ops.paths import STAND_INS

RANDOM = "urn:pulumi:dev::taskflow::random:index/randomPassword:RandomPassword::secret"
IMAGE = "urn:pulumi:dev::taskflow::docker:index/image:Image::backend"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""The protocol's mark of a secret."""
FAILS = "for line in $(seq 30); do echo line $line; done; exit 1"
PATIENCE_SECONDS = 30
RUNS_UNTIL_ENDED = (
    "trap 'echo ended > ended; kill $!; exit 1' TERM; sleep 60 & echo x > began; wait"
)


@dataclass
class Engine(engine_pb2_grpc.EngineServicer):
    """Starts plugins, and hears what they report."""

    folder: Path
    reported: list[tuple[str, str]] = field(default_factory=list)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = grpc.server(ThreadPoolExecutor(4))
        engine_pb2_grpc.add_EngineServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        self.reported.append((request.urn, request.message))
        return Empty()

    def start(self, name: str, folder: Path | None = None) -> Any:
        """A channel to a new plugin, which finds the test's docker command first, or only that."""
        plugin = shutil.which(name)
        if plugin is None or Path(plugin).parent != STAND_INS:
            pytest.skip(f"the official {name} is used here")
        path = str(folder) if folder else f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        self.started.append(
            subprocess.Popen(
                [plugin, self.address],
                cwd=self.folder,
                env={**os.environ, "PATH": path},
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        output = self.started[-1].stdout
        assert output
        return grpc.insecure_channel(f"127.0.0.1:{int(output.readline())}")

    def provider(self, name: str, folder: Path | None = None) -> Any:
        return provider_pb2_grpc.ResourceProviderStub(self.start(f"pulumi-resource-{name}", folder))

    def docker(self, script: str) -> None:
        """Put a docker command on the plugins' PATH."""
        command = self.folder / "docker"
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path)
    with ExitStack() as stack:
        stack.callback(engine.server.stop, None)
        yield engine
        for process in engine.started:
            process.kill()
            process.wait()


def create(provider: Any, urn: str, inputs: dict[str, Any], *, preview: bool = False) -> Any:
    request = provider_pb2.CreateRequest(urn=urn, properties=inputs, preview=preview)
    return provider.Create(request)


def image(**build: Any) -> dict[str, Any]:
    given = {"context": "c", "dockerfile": "c/Dockerfile", **build}
    return {"imageName": "a:1", "build": given, "skipPush": True}


def until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return str(caught.value.details())


def test_a_password_is_a_secret_of_letters_and_digits_and_unknown_in_a_preview(
    engine: Engine,
) -> None:
    random = engine.provider("random")
    inputs = {"length": 48, "special": False}
    texts = []
    for _ in range(2):
        made = create(random, RANDOM, inputs)
        assert made.id == "none"
        result = MessageToDict(made.properties)["result"]
        assert result.items() > SECRET.items()
        texts.append(result["value"])
        assert len(texts[-1]) == 48
        assert texts[-1].isalnum()
    assert texts[0] != texts[1]
    previewed = MessageToDict(create(random, RANDOM, inputs, preview=True).properties)
    assert previewed["result"]["value"] == UNKNOWN


@pytest.mark.parametrize(
    ("urn", "inputs"),
    [
        (RANDOM, {"length": 8, "special": True}),
        (RANDOM, {"length": 8, "special": False, "minUpper": 1}),
        (RANDOM.replace("Password", "Pet").replace("password", "pet"), {"length": 8}),
    ],
    ids=["special characters", "another input", "another kind"],
)
def test_what_else_the_official_random_provider_makes_is_refused(
    engine: Engine, urn: str, inputs: dict[str, Any]
) -> None:
    asked = provider_pb2.CheckRequest(urn=urn, news=inputs)
    message = refused(lambda: engine.provider("random").Check(asked))
    assert "makes a RandomPassword of letters and digits" in message
    assert ", ".join(sorted(inputs)) in message


def test_another_length_replaces_a_password(engine: Engine) -> None:
    random = engine.provider("random")

    def replaces(length: int) -> list[str]:
        old, new = ({"length": value, "special": False} for value in (48, length))
        asked = provider_pb2.DiffRequest(urn=RANDOM, olds=old, news=new)
        return list(random.Diff(asked).replaces)

    assert replaces(48) == []
    assert replaces(50) == ["length"]


def test_an_image_is_built_with_its_arguments_in_the_environment_and_steps_reported(
    engine: Engine,
) -> None:
    engine.docker(
        'echo "$DOCKER_HOST" "$@" > called; echo "$MIRROR" > mirror; echo "#1 [1/2] FROM x"'
    )
    docker = engine.provider("docker")
    host = {"docker:config:host": "ssh://builder"}
    answer = docker.Configure(provider_pb2.ConfigureRequest(variables=host))
    assert not answer.supportsPreview, "else a preview would build"
    inputs = image(args={"MIRROR": "hunter2"}, target="last", platform="linux/arm64")
    made = create(docker, IMAGE, inputs)
    assert made.id == "a:1"
    assert MessageToDict(made.properties) == inputs
    options = "--file=c/Dockerfile --target=last --platform=linux/arm64 --build-arg=MIRROR"
    assert (engine.folder / "called").read_text() == (
        f"ssh://builder build --progress=plain --tag=a:1 {options} c\n"
    )
    assert (engine.folder / "mirror").read_text() == "hunter2\n"
    assert engine.reported == [(IMAGE, "#1 [1/2] FROM x")]


def test_a_built_image_is_pushed_unless_the_program_skips_that(engine: Engine) -> None:
    engine.docker('echo "$1" >> called')
    create(engine.provider("docker"), IMAGE, {**image(), "skipPush": False})
    assert (engine.folder / "called").read_text() == "build\npush\n"


def test_a_failed_build_repeats_its_last_lines(engine: Engine) -> None:
    engine.docker(FAILS)
    message = refused(lambda: create(engine.provider("docker"), IMAGE, image()))
    assert message.startswith("building a:1 failed\nline ")
    assert "line 30" in message
    assert "line 1\n" not in message


def test_a_machine_without_a_docker_command_is_reported(engine: Engine, tmp_path: Path) -> None:
    docker = engine.provider("docker", folder=tmp_path / "empty")
    message = refused(lambda: create(docker, IMAGE, image()))
    assert message.startswith('building a:1 failed\nexec: "docker": executable file not found')


def begun(engine: Engine) -> tuple[Any, Future[str]]:
    """A provider in a build that does not end by itself, and its answer."""
    engine.docker(RUNS_UNTIL_ENDED)
    docker = engine.provider("docker")
    answer = ThreadPoolExecutor(1).submit(refused, lambda: create(docker, IMAGE, image()))
    until((engine.folder / "began").exists, "no build")
    return docker, answer


def test_a_cancelled_update_ends_its_builds(engine: Engine) -> None:
    docker, answer = begun(engine)
    docker.Cancel(Empty())
    assert "building a:1 failed" in answer.result(PATIENCE_SECONDS)
    assert (engine.folder / "ended").exists(), "docker could not end the build on the daemon"


def test_a_plugin_and_its_build_end_with_a_killed_engine(engine: Engine) -> None:
    begun(engine)
    engine.server.stop(None)
    (process,) = engine.started
    process.wait(PATIENCE_SECONDS)
    assert (engine.folder / "ended").exists()


def pack(engine: Engine, program: str) -> Any:
    """What the engine gets from a policy pack: its output, then its exit code."""
    (engine.folder / "__main__.py").write_text(program)
    host = language_pb2_grpc.LanguageRuntimeStub(engine.start("pulumi-language-python"))
    folder = str(engine.folder)
    info = language_pb2.ProgramInfo(program_directory=folder)
    asked = language_pb2.RunPluginRequest(info=info, pwd=folder, args=["127.0.0.1:1"])
    return host.RunPlugin(asked)


def test_what_a_policy_pack_prints_and_its_exit_code_reach_the_engine(engine: Engine) -> None:
    said = list(pack(engine, "import sys; print(sys.argv[1]); sys.exit(3)"))
    assert b"".join(answer.stdout for answer in said) == b"127.0.0.1:1\n"
    assert said[-1].exitcode == 3


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_policy_pack_ends_with_its_language_host(engine: Engine, end: signal.Signals) -> None:
    said = pack(engine, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    process = int(next(said).stdout)
    engine.started[0].send_signal(end)
    until(lambda: not Path(f"/proc/{process}").exists(), "the pack outlives the host")


def test_the_language_host_names_the_interpreter_of_the_program(engine: Engine) -> None:
    host = language_pb2_grpc.LanguageRuntimeStub(engine.start("pulumi-language-python"))
    answer = host.About(language_pb2.AboutRequest())
    assert answer.version == sys.version.split()[0]
