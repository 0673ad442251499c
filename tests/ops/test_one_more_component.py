"""One more component needs a file, a block and a line: all other code finds it by itself."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.paths import ROOT
from policy import objects, pods
from tests.one_more_component import ops, program_with_a_worker, python, recipe, write_stack
from tests.unit.conftest import LOCAL, merged

pytestmark = pytest.mark.exhaustive
LISTED = ("components", "policy", "ops/config", "ops/release")
WITH_WORKER = merged(LOCAL, {"worker": {}})
SCALED = {"worker": {"autoscaling": {"max": 2}}}
TOO_LARGE = {"worker": {"replicas": 4}}
ROOM = {"cluster": {"node": {"count": 99}}}
TOO_MANY = merged(ROOM, {"worker": {"replicas": 60}})
FRONTEND_IMAGE = """\
    frontend: ComponentImage = Field(ComponentImage(), description="the frontend's image")
"""
BOTH_IMAGES = f"""\
{FRONTEND_IMAGE}    worker: ComponentImage = Field(ComponentImage(), description="the worker's image")
"""
OWN_IMAGE = """\
FROM scratch
COPY run /run
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program_with_a_worker(tmp_path_factory.mktemp("program"))


Objects = dict[tuple[str, str], Any]


def rendered(program: Path, values: dict[str, Any]) -> Objects:
    """The objects that a stack of the copy makes, by kind and name."""
    write_stack(program, "test", values)
    text = ops(program, "render", "--stack", "test")
    return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def manifests(program: Path) -> Objects:
    return rendered(program, WITH_WORKER)


def test_the_recipe_is_a_file_a_block_and_a_line() -> None:
    app, stack, file = re.split(r"^(?=--- )", recipe(), flags=re.MULTILINE)[1:]
    assert file.startswith("--- /dev/null\n+++ b/components/worker.py\n")
    assert stack.startswith("--- a/components/config/stack.py\n")
    assert app.startswith("--- a/components/app.py\n")
    added = re.findall(r"^\+(?!\+\+ )(.*)$", app, re.MULTILINE)
    assert len([line for line in added if not line.startswith("from ")]) == 1


def test_no_module_lists_the_components() -> None:
    """`StackConfig.workloads` and `Images.components()` do; a list beside them would lack the next component."""
    # The public API names every module.
    modules = {path for folder in LISTED for path in (ROOT / folder).rglob("*.py")}
    for path in modules - {ROOT / "components" / "__init__.py"}:
        for node in ast.walk(ast.parse(path.read_text())):
            inner = [
                child for child in ast.iter_child_nodes(node) if isinstance(child, ast.Constant)
            ]
            names = {child.value for child in inner}
            assert not names >= {"backend", "frontend"}, f"{path}:{getattr(node, 'lineno', 0)}"


def test_without_its_block_a_release_is_what_it_was(program: Path, manifests: Objects) -> None:
    before = rendered(program, LOCAL)
    assert {name for _, name in before if "worker" in name} == set()
    new = {identity: item for identity, item in manifests.items() if identity not in before}
    assert new.keys() == {
        ("Deployment", "taskflow-worker"),
        ("NetworkPolicy", "taskflow-worker"),
        ("PodDisruptionBudget", "taskflow-worker"),
    }, "no Service: nobody calls it"
    changed = {identity for identity in before if before[identity] != manifests[identity]}
    assert changed == {("NetworkPolicy", "taskflow-postgres")}


def test_its_pods_have_probes_but_no_port(manifests: Objects) -> None:
    pod = manifests["Deployment", "taskflow-worker"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert "ports" not in container
    assert "PORT" not in {variable["name"] for variable in container["env"]}
    probes = [container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")]
    assert all(probe.keys() & {"exec", "httpGet"} == {"exec"} for probe in probes)
    (backend,) = manifests["Deployment", "taskflow-backend"]["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["image"] == backend["image"]


def test_it_calls_dns_and_the_database_and_hears_nobody(manifests: Objects) -> None:
    policy = manifests["NetworkPolicy", "taskflow-worker"]["spec"]
    assert "ingress" not in policy
    dns, database = policy["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    backend = manifests["NetworkPolicy", "taskflow-backend"]["spec"]
    assert database in backend["egress"], "the database, as the backend calls it"
    heard = manifests["NetworkPolicy", "taskflow-postgres"]["spec"]["ingress"][0]["from"]
    components = [peer["podSelector"]["matchLabels"]["component"] for peer in heard]
    assert components == ["backend", "frontend", "worker"]


def test_the_policy_pack_judges_it(manifests: Objects) -> None:
    def broken(manifest: Any) -> set[str]:
        rules = (*pods.RULES, *objects.RULES)
        return {
            rule.name
            for rule in rules
            if manifest["kind"] in rule.kinds and [*rule.violations(manifest)]
        }

    assert {name for item in manifests.values() for name in broken(item)} == set()
    alone = merged(manifests["Deployment", "taskflow-worker"], {"spec": {"replicas": 1}})
    assert broken(alone) == {"rollouts-keep-serving"}


def test_it_scales_like_the_others(program: Path) -> None:
    scaled = rendered(program, merged(WITH_WORKER, SCALED))
    assert "replicas" not in scaled["Deployment", "taskflow-worker"]["spec"]
    target = scaled["HorizontalPodAutoscaler", "taskflow-worker"]["spec"]["scaleTargetRef"]
    assert target["name"] == "taskflow-worker"


def test_its_pods_and_their_connections_count(program: Path) -> None:
    write_stack(program, "test", merged(WITH_WORKER, TOO_LARGE))
    write_stack(program, "many", merged(WITH_WORKER, TOO_MANY))
    verdicts = json.loads(ops(program, "validate", "--json", code=2))
    (program / "Pulumi.many.yaml").unlink()
    (connections,), (capacity,) = (verdict["errors"] for verdict in verdicts)
    assert "frontend 100m x (2 + 1 surge) + worker 30m x (4 + 1 surge) + postgres" in capacity
    assert "frontend 5 x (2 + 1 surge) + worker 1 x (60 + 1 surge) = 103 connec" in connections


def test_its_footprint_is_a_row(program: Path) -> None:
    write_stack(program, "test", WITH_WORKER)
    rows = json.loads(ops(program, "footprint", "--stack", "test", "--json"))
    assert [row["name"] for row in rows] == ["backend", "frontend", "worker", "postgres", "all"]
    worker = rows[2]
    assert (worker["at_rest"]["pods"], worker["at_most"]["pods"]) == (2, 3)


def test_its_keys_are_documented_with_their_helm_values(program: Path) -> None:
    ops(program, "docs")
    reference = (program / "docs" / "configuration.md").read_text()
    common, section = (
        reference.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        for title in ("Every component", "worker")
    )
    assert "Keys that backend and frontend and worker have alike." in common
    assert "| `replicas` | integer, at least 1 |" in common
    assert "`autoscaling.enabled`" in common
    assert "service" not in common
    assert "| `resources.requests.cpu` | CPU, such as `250m` or `0.5` | `30m` |" in section
    assert "service" not in section
    schema = json.loads((program / "schema" / "stack.schema.json").read_text())
    assert "taskflow:worker" in schema["properties"]["config"]["properties"]


@pytest.fixture(scope="module")
def with_an_image(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A worker with an image of its own needs one more key, and its sources."""
    folder = tmp_path_factory.mktemp("own") / "program"
    program_with_a_worker(folder)
    replaced(folder / "components" / "config" / "stack.py", FRONTEND_IMAGE, BOTH_IMAGES)
    backends = 'worker.deployed(name, release, config, images["backend"]'
    own = backends.replace("backend", "worker")
    replaced(folder / "components" / "app.py", backends, own)
    sources = folder / "docker" / "worker"
    sources.mkdir()
    (sources / "Dockerfile").write_text(OWN_IMAGE)
    (sources / "run").touch()
    return folder


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path} has not: {old}"
    path.write_text(text.replace(old, new))


def test_its_own_image_is_built_like_the_others(with_an_image: Path) -> None:
    deployment = rendered(with_an_image, WITH_WORKER)["Deployment", "taskflow-worker"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert re.fullmatch(r"taskflow-worker:[0-9a-f]{12}", container["image"])


def test_its_own_image_is_checked_like_the_others(with_an_image: Path) -> None:
    refs = {part: {"ref": f"ghcr.io/acme/{part}:1.2"} for part in ("backend", "frontend", "worker")}
    outside = {"cluster": {"context": "production"}, "images": refs, "database": {"embedded": {}}}
    write_stack(with_an_image, "test", {**outside, "secrets": {"generate": True}, "worker": {}})
    (verdict,) = json.loads(ops(with_an_image, "validate", "--json", code=2))
    assert any("taskflow:images.worker.ref: got" in error for error in verdict["errors"])


def test_its_own_image_is_not_built_without_its_block(with_an_image: Path) -> None:
    refs = {part: {"ref": f"{part}:1.2"} for part in ("backend", "frontend")}
    write_stack(with_an_image, "test", merged(LOCAL, {"images": refs}))
    script = "from ops.config.stacks import StackFile; print(StackFile.read('test').builds_images)"
    assert python(with_an_image, "-c", script).strip() == "False"
    script = "from ops.release import history; print(*history.COMPONENTS)"
    assert python(with_an_image, "-c", script).split() == ["backend", "frontend", "worker"]
