"""Revisions made from the engine's history, and the rollbacks that are refused."""

import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from components.build_context import references
from components.config.stack import Images, StackConfig
from components.config.stack_file import StackFile as Source
from ops.config.commits import unpacked
from ops.config.stacks import StackFile
from ops.engine.backend import Backend
from ops.engine.stack import NOT_ROLLED_OUT, Stack
from ops.errors import OpsError
from ops.kubectl import Kubectl
from ops.release import history, migrations, rollback
from ops.release.record import Record
from tests.cases import more
from tests.ops.machines import minikube_profile
from tests.ops.programs import Programs
from tests.unit.conftest import PUBLIC_KEY

DIGEST = "ghcr.io/acme/it@sha256:" + "a" * 64
API_KEY = "taskflow:openaiApiKey"
BUILT = {"backend": "taskflow-backend:0123456789ab", "frontend": "taskflow-frontend:0123456789ab"}
NOTED = Record(images=BUILT, commit="c" * 40, schema="0002_task", by="somebody")
CONFIG = {
    "cluster": {"context": "minikube", "minikube": "minikube"},
    "database": {"embedded": {}},
    "secrets": {"generate": True},
    "logLevel": "debug",
}


def entry(noted: Record | str = NOTED, **changes: Any) -> dict[str, Any]:
    """An entry as `pulumi stack history --json` prints it; `changes` replace values of the configuration."""
    message = noted if isinstance(noted, str) else noted.message("make up")
    config: dict[str, Any] = {}
    for key, value in (CONFIG | changes).items():
        config[f"taskflow:{key}"] = (
            {"value": json.dumps(value), "objectValue": value, "secret": False}
            if isinstance(value, dict)
            else {"value": value, "secret": False}
        )
    return {
        "kind": "update",
        "message": message,
        "environment": {},
        "config": config,
        "result": "succeeded",
        "endTime": "2026-11-23T21:32:05.000Z",
        "resourceChanges": {"same": 20, "update": 2},
    }


def with_secrets(*keys: str, value: str = "") -> dict[str, Any]:
    """An entry with secrets: without their values, unless those were asked for."""
    found = entry()
    secret = {"secret": True} | ({"value": value} if value else {})
    found["config"] |= dict.fromkeys(keys, secret)
    return found


def bare(**git: str) -> dict[str, Any]:
    """An entry of an update without `make`, with what the engine notes of the checkout."""
    return entry("By hand") | {"environment": {f"git.{key}": text for key, text in git.items()}}


class Team:
    """A stack of a team's: its history as given, newest first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = Programs(folder)
        self.file = folder / "Pulumi.dev.yaml"
        self.file.write_text(f"encryptionsalt: v1:salt\n{yaml.safe_dump({'config': {}})}")
        minikube_profile(folder)
        self.programs.env["MINIKUBE_HOME"] = str(folder)
        images = [{"repoTags": [f"docker.io/library/{image}"]} for image in BUILT.values()]
        self.programs.answer("minikube", "image ls", images)
        self.programs.answer("pulumi", "config set", "")
        self.programs.answer("pulumi", "stack export", {"deployment": {}})

    def remembers(self, *entries: dict[str, Any]) -> None:
        self.programs.answer("pulumi", "stack history", list(entries))

    @property
    def stack(self) -> Stack:
        backend = Backend("s3://team", ours=False)
        return Stack(StackFile.read("dev", self.folder), backend, self.programs.env, self.folder)

    @property
    def revisions(self) -> list[history.Revision]:
        return history.revisions(history.updates(self.stack))

    def target(self, number: int, **options: Any) -> rollback.Target:
        return rollback.find(self.stack, number, **options)

    def config_of(self, target: rollback.Target) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load(target.file.path.read_text())["config"]
        return config


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


@pytest.mark.parametrize("release", ["null", *more("taskflow", "true", "e1")])
def test_the_place_of_a_release_is_read_by_the_models(team: Team, release: str) -> None:
    deployed = entry(release=release)
    cluster = {"context": "1e6", "an-old-key": "that no model knows"}
    deployed["config"]["taskflow:cluster"] = {"value": json.dumps(cluster)}
    if release == "taskflow":
        del deployed["config"]["taskflow:release"], deployed["config"]["taskflow:cluster"]
    team.remembers(deployed)
    outputs = {"url": "http://127.0.0.1:30080", "namespace": "elsewhere"}
    team.programs.answer("pulumi", "stack output", outputs)
    found = history.location(team.stack)
    defaults = StackConfig.model_construct()
    context = defaults.cluster.context if release == "taskflow" else "1e6"
    kubectl = Kubectl(context, team.programs.env, "elsewhere")
    assert found == history.Location(release, kubectl, "127.0.0.1")


def test_successful_ups_are_counted_from_the_oldest(team: Team) -> None:
    failed = entry() | {"result": "failed"}
    destroyed = entry() | {"kind": "destroy"}
    team.remembers(entry("third"), failed, entry("second"), destroyed, entry("first"))
    assert [(r.number, r.update.title) for r in team.revisions] == [
        (1, "first"),
        (2, "second"),
        (3, "third"),
    ]


def test_a_long_history_is_read_to_its_end(team: Team) -> None:
    page = [entry(f"{n}") for n in range(history.PAGE)]
    team.programs.answer("pulumi", "--page 1", page)
    team.programs.answer("pulumi", "--page 2", [entry("oldest")])
    assert len(team.revisions) == history.PAGE + 1
    assert team.revisions[0].update.position == history.PAGE + 1


def test_a_bare_pulumi_up_is_known_by_what_the_engine_notes(team: Team) -> None:
    images = {component: {"ref": DIGEST} for component in history.COMPONENTS}
    noted = bare(head="d" * 40, dirty="true", author="somebody")
    team.remembers(noted | {"config": entry(images=images)["config"]})
    (revision,) = team.revisions
    assert revision.record == Record(
        images=dict.fromkeys(history.COMPONENTS, DIGEST),
        commit="d" * 40,
        changed=True,
        by="somebody",
    )


def test_the_configurations_hash_leaves_the_images_out_and_nothing_else(team: Team) -> None:
    prebuilt = {component: {"ref": DIGEST} for component in history.COMPONENTS}
    team.remembers(
        entry(replace(NOTED, secrets="another")),
        entry(images=prebuilt | {"registry": "ghcr.io/acme"}),
        entry(logLevel="info"),
        entry(images=prebuilt),
        entry(),
    )
    plain, with_images, level, registry, secrets = (r.config_hash for r in team.revisions)
    assert plain == with_images
    assert len({plain, level, registry, secrets}) == 4


def test_a_history_that_cannot_be_read_is_reported_in_the_engines_words(team: Team) -> None:
    team.programs.answer("pulumi", "stack history", "error: no stack named 'dev' found", code=255)
    with pytest.raises(OpsError, match="the history of stack dev cannot be read") as caught:
        history.updates(team.stack)
    assert "no stack named" in caught.value.where


def test_a_rollback_names_the_images_and_keeps_the_encryption_of_the_checkout(team: Team) -> None:
    team.remembers(
        entry(logLevel="info"),
        entry(images={"mirror": "mirror.example.com", "backend": {"baseImage": "a:1"}}),
    )
    target = team.target(1)
    assert team.config_of(target)["taskflow:images"] == {
        "mirror": "mirror.example.com",
        "backend": {"ref": BUILT["backend"]},
        "frontend": {"ref": BUILT["frontend"]},
    }
    assert team.config_of(target)["taskflow:logLevel"] == "debug"
    assert yaml.safe_load(target.file.path.read_text())["encryptionsalt"] == "v1:salt"
    assert not target.file.builds_images
    assert target.record == replace(NOTED, by=target.record.by, rollback_to=1)


def test_secrets_are_encrypted_again_and_never_written_in_plain(team: Team) -> None:
    team.remembers(entry(), with_secrets(API_KEY))
    shown = with_secrets(API_KEY, value="of-then")
    team.programs.answer("pulumi", "--show-secrets --page 2", [shown])
    target = team.target(1)

    (setting,) = [call for call in team.programs.calls if "config" in call]
    assert setting[-1] == "of-then", "on stdin, where no list of processes shows it"
    assert "of-then" not in setting[:-1]
    assert "of-then" not in target.file.path.read_text()


def test_secrets_of_today_are_taken_as_they_are_encrypted(team: Team) -> None:
    team.remembers(with_secrets(API_KEY))
    today = {API_KEY: {"secure": "v1:today"}}
    team.file.write_text(yaml.safe_dump({"encryptionsalt": "v1:salt", "config": today}))
    target = team.target(1, secrets=rollback.CURRENT)
    assert team.config_of(target)[API_KEY] == {"secure": "v1:today"}
    assert not [call for call in team.programs.calls if "--show-secrets" in call]


@pytest.mark.parametrize("key", ["taskflow:", "", "taskflow:config:"])
def test_a_signing_key_that_was_replaced_does_not_come_back(team: Team, key: str) -> None:
    keys = ("taskflow:betterAuthSecret", "taskflow:betterAuthSecretFormer", API_KEY)
    team.remembers(entry(), with_secrets(*keys))
    shown = with_secrets(*keys, value="of-then")
    team.programs.answer("pulumi", "--show-secrets --page 2", [shown])
    team.file.write_text(
        f"encryptionsalt: v1:salt\nconfig: {{{key}betterAuthSecret: {{secure: 'v1:today'}}}}\n"
    )
    config = team.config_of(team.target(1))
    assert config["taskflow:betterAuthSecret"] == {"secure": "v1:today"}
    assert "taskflow:betterAuthSecretFormer" not in config
    (setting,) = [call for call in team.programs.calls if "config" in call]
    assert API_KEY in setting, "the others are those of the revision"


def spelled(form: str, **blocks: dict[str, Any]) -> str:
    """A stack file with these blocks, in one of the forms that the engine reads alike."""
    namespace = {"bare": "", "old": "taskflow:config:"}.get(form, "taskflow:")
    config = {
        f"{namespace}{key}": json.dumps(block) if form == "JSON" else block
        for key, block in blocks.items()
    }
    return yaml.safe_dump({"encryptionsalt": "v1:salt", "config": config})


FORMS = pytest.mark.parametrize("form", ["JSON", *more("namespaced", "bare", "old")])


@FORMS
@pytest.mark.parametrize("then_as_text", [False, *more(True)])
@pytest.mark.parametrize(
    ("then", "now"), [({}, {"generations": [2]}), ({"generations": [1, 2]}, {})]
)
def test_generated_signing_keys_stay_those_of_today(
    team: Team, then: dict[str, Any], now: dict[str, Any], form: str, then_as_text: bool
) -> None:
    block: Any = {"generate": True, **then}
    team.remembers(entry(secrets=json.dumps(block) if then_as_text else block))
    today = {"generate": True, **now}
    team.file.write_text(spelled(form, secrets=today))
    assert team.config_of(team.target(1))["taskflow:secrets"] == today


@FORMS
def test_the_embedded_databases_passwords_stay_those_of_today(team: Team, form: str) -> None:
    team.remembers(entry(database={"embedded": {"size": "2Gi"}}))
    team.file.write_text(spelled(form, database={"embedded": {"passwords": [2]}}))
    config = team.config_of(team.target(1))
    assert config["taskflow:database"] == {"embedded": {"size": "2Gi", "passwords": [2]}}


@pytest.mark.parametrize(
    ("then", "expected"),
    [({}, "2Gi"), ({"size": "1Gi"}, "2Gi"), ({"size": "3Gi"}, "3Gi")],
    ids=["the default", "smaller", "larger"],
)
def test_a_volume_that_has_grown_stays_as_large_as_it_is(
    team: Team, then: dict[str, Any], expected: str
) -> None:
    """Else the cluster would refuse every earlier revision."""
    volumes = [
        {
            "urn": f"urn:pulumi:dev::taskflow::any::taskflow-{name}",
            "inputs": {"spec": {"resources": {"requests": {"storage": size}}}},
        }
        for name, size in (("postgres-data", "2Gi"), ("backups", "9Gi"))
    ]
    team.programs.answer("pulumi", "stack export", {"deployment": {"resources": volumes}})
    backup = {"publicKey": PUBLIC_KEY}
    team.remembers(entry(database={"embedded": then}, backup=backup))
    config = team.config_of(team.target(1))
    assert config["taskflow:database"] == {"embedded": {"size": expected}}
    assert config["taskflow:backup"] == backup | {"size": "9Gi"}


@pytest.mark.parametrize(
    "text", ["1e6", "0o17", "2026-11-23", "1_000", "yes", "\U0001f680\x85\x7f"]
)
def test_a_text_that_looks_like_something_else_comes_back_as_a_text(team: Team, text: str) -> None:
    team.remembers(entry(backend={"env": {"A": text}}))
    file = team.target(1).file.path
    source = Source.of_stack("dev", "taskflow", file.parent)
    assert json.loads(source.texts["backend"]) == {"env": {"A": text}}


def test_how_the_stack_is_encrypted_is_kept_however_its_file_is_spelled(team: Team) -> None:
    team.remembers(entry())
    team.file.write_text(
        '"encryptedkey": >-\n  AQ\nsecretsprovider: awskms://alias/it\nconfig: {}\n'
    )
    source = Source.of_stack("dev", "taskflow", team.target(1).file.path.parent)
    assert source.settings == {"encryptedkey": "AQ", "secretsprovider": "awskms://alias/it"}


def test_todays_secrets_of_other_namespaces_are_taken_too(team: Team) -> None:
    team.remembers(with_secrets("aws:secretKey"))
    team.file.write_text("config: {aws:secretKey: {secure: v1:today}}\n")
    target = team.target(1, secrets=rollback.CURRENT)
    assert team.config_of(target)["aws:secretKey"] == {"secure": "v1:today"}


def test_secrets_that_no_key_opens_any_more_can_be_replaced_by_todays(team: Team) -> None:
    team.remembers(with_secrets(API_KEY))
    team.programs.answer("pulumi", "--show-secrets", "error: incorrect passphrase", code=255)
    with pytest.raises(OpsError, match="cannot be decrypted") as caught:
        team.target(1)
    assert "SECRETS=current" in caught.value.fix


def test_an_update_whose_pods_did_not_become_ready_is_no_revision(team: Team) -> None:
    withdrawn = entry() | {"kind": "refresh"}
    withdrawn["message"] = NOT_ROLLED_OUT + withdrawn["message"]
    team.remembers(withdrawn, entry(), entry("By hand"))
    (only,) = team.revisions
    assert only.update.title == "By hand"
    last = history.updates(team.stack)[0]
    assert (last.kind, last.succeeded) == ("update", False)


BREAKING = replace(NOTED, schema="0004_split", breaking=("0001_old", "0003_drop"))


@pytest.mark.parametrize("result", ["succeeded", "failed"])
def test_a_migration_that_cannot_be_undone_stops_it_and_is_named(team: Team, result: str) -> None:
    team.remembers(entry(BREAKING) | {"result": result}, entry())
    with pytest.raises(
        OpsError, match=r"revision 1 cannot .* after 0003_drop, which cannot be undone"
    ):
        team.target(1)
    assert team.target(1, ignored=("0003_drop",)).revision.number == 1


def test_a_bare_pulumi_up_is_asked_for_its_migrations_by_its_commit(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.remembers(bare(head="d" * 40), entry())
    found = migrations.Migrations("0003_drop", ("0003_drop",))
    monkeypatch.setattr(migrations, "of_commit", {"d" * 40: found}.__getitem__)
    with pytest.raises(OpsError, match="0003_drop, which cannot be undone"):
        team.target(1)


@pytest.mark.parametrize("checkout", [{"dirty": "true"}, {}], ids=["changed", "not here"])
def test_a_rollback_over_an_update_with_unknown_migrations_is_refused(
    team: Team, checkout: dict[str, str]
) -> None:
    team.remembers(bare(head="d" * 40, **checkout), entry())
    with pytest.raises(OpsError, match="does not record its migrations") as refused:
        team.target(1)
    assert 'IGNORE_MIGRATIONS="unknown"' in refused.value.fix
    assert team.target(1, ignored=("unknown",)).revision.number == 1


def test_a_title_is_text_and_no_markup(team: Team) -> None:
    team.remembers(entry(NOTED.message("[skip ci] Route [/api]")))
    console = Console(width=200, file=io.StringIO())
    console.print(history.table(team.revisions))
    assert "[skip ci] Route [/api]" in console.file.getvalue()  # type: ignore[attr-defined]


def test_migrations_that_older_code_works_after_do_not_stop_it(team: Team) -> None:
    team.remembers(entry(replace(NOTED, schema="0003_add")), entry(BREAKING), entry())
    assert team.target(2).revision.number == 2, "the engine's own record does not prevent it either"


def test_images_that_minikube_has_dropped_are_named(team: Team) -> None:
    team.remembers(entry(replace(NOTED, images=BUILT | {"backend": "taskflow-backend:gone"})))
    with pytest.raises(OpsError, match="taskflow-backend:gone is no longer in Minikube") as caught:
        rollback.require_images(team.target(1), team.stack)
    assert "git checkout ccccccc" in caught.value.fix


@pytest.mark.parametrize("unknown", [{"commit": ""}, {"changed": True}])
def test_images_that_no_commit_builds_again_are_of_no_revision_to_choose(
    team: Team, unknown: dict[str, Any]
) -> None:
    gone = BUILT | {"backend": "taskflow-backend:gone"}
    team.remembers(entry(replace(NOTED, images=gone, **unknown)))
    with pytest.raises(OpsError, match="is no longer in Minikube") as caught:
        rollback.require_images(team.target(1), team.stack)
    assert caught.value.fix == "choose another revision: make history STACK=dev"


def test_a_node_that_does_not_list_its_images_stops_a_rollback(team: Team) -> None:
    team.programs.answer("minikube", "image ls", "Profile not found", code=85)
    team.remembers(entry())
    with pytest.raises(OpsError, match=r"Profile not found.*minikube start"):
        rollback.require_images(team.target(1), team.stack)


def test_a_configuration_that_todays_models_refuse_is_reported_with_its_lines(team: Team) -> None:
    team.remembers(entry(backend={"replicas": 2, "colour": "red"}))
    with pytest.raises(
        OpsError, match=r"Pulumi.dev.yaml:\d+: taskflow:backend.colour: unknown key"
    ):
        team.target(1)


def test_what_the_project_file_of_today_adds_to_a_revision_is_checked_with_it(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = "name: taskflow\nconfig:\n  backend:\n    default: {colour: red}\n"
    (team.folder / "Pulumi.yaml").write_text(project)
    monkeypatch.setattr(rollback, "ROOT", team.folder)
    team.remembers(entry())
    with pytest.raises(OpsError, match=r"Pulumi.yaml:4: taskflow:backend.colour: unknown key"):
        team.target(1)


def test_a_revision_that_does_not_exist_is_reported_with_those_that_do(team: Team) -> None:
    team.remembers(entry(), entry())
    with pytest.raises(OpsError, match="no revision 3: it has 1 to 2"):
        team.target(3)


def test_a_revision_of_a_clean_commit_is_known_by_the_commit(team: Team, root: Path) -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.strip()
    team.remembers(bare(head=head, dirty="false"))
    with unpacked(head, root) as commit:
        images = references(Images(), Images.components(), commit.folder / "docker")
    target = team.target(1)
    assert dict(target.record.images) == images
    assert target.record.schema >= "0002_task"


@pytest.mark.parametrize("environment", [{}, {"head": "f" * 40, "dirty": "true"}])
def test_a_revision_whose_images_nobody_can_know_is_refused(
    team: Team, environment: dict[str, str]
) -> None:
    team.remembers(bare(**environment))
    with pytest.raises(OpsError, match="does not record its images"):
        team.target(1)
