"""The commands that errors and warnings print as fixes, collected from the sources; what is filled in is `x`."""

import ast
import re
from collections.abc import Iterator
from functools import cache

from ops.paths import ROOT

TOOLS = re.compile(
    r"\b(?:kubectl (?:--\w+|create|delete|describe|get|logs|patch)|minikube (?:delete|image|start|tunnel)|"
    r"pulumi (?:cancel|config|plugin|preview|refresh|stack|state|up))\b"
)


def text_of(node: ast.AST) -> str:
    """A string as it is in the source; what a program fills in is `x`."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            text_of(part) if isinstance(part, ast.Constant) else "x" for part in node.values
        )
    return "; ".join(filter(None, (text_of(part) for part in ast.iter_child_nodes(node))))


@cache
def printed() -> list[tuple[str, str]]:
    """Every fix and warning in the sources of `ops`, with its place."""
    found: list[tuple[str, ast.AST]] = []
    for path in sorted((ROOT / "ops").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call):
                found += [(place, word.value) for word in node.keywords if word.arg == "fix"]
                called = ast.unparse(node.func)
                if called == "Known":
                    found.append((place, node.args[2]))
                elif called.endswith(("warnings.append", "refusals.append")):
                    found.append((place, node.args[0]))
            elif isinstance(node, ast.Assign):
                names = " ".join(map(ast.unparse, node.targets))
                if re.search(r"\bfix\b|FIX\b|\bLOGS\b|refusals\[", names):
                    found.append((place, node.value))
    return [
        (place, re.sub(r"\{\w+\}", "x", text)) for place, node in found if (text := text_of(node))
    ] + [*commands_of_components()]


def commands_of_components() -> Iterator[tuple[str, str]]:
    """Every text in the sources of the components that names a command, with its place; without docstrings.

    Their mistakes and errors are plain texts, whatever they are passed to.
    """
    for path in sorted((ROOT / "components").rglob("*.py")):
        tree = ast.parse(path.read_text())
        parts = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.Expr)]
        inner = {id(part) for node in parts for part in ast.iter_child_nodes(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in inner:
                text = text_of(node)
                if TOOLS.search(text) or re.search(r"\bmake [a-z-]+ [A-Z]+=", text):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", text


def commands() -> set[str]:
    """Every whole command in those texts."""
    makefile = (ROOT / "Makefile").read_text()
    targets = "|".join(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE))
    of_make = rf"(?<![-\w])make (?:{targets})(?![-\w])(?: [A-Z_]+=[^\s,;]*)*"
    of_a_tool = r"(?<=: )(?:kubectl|minikube|pulumi) (?=[-a-z])[^;(),]*"
    pattern = re.compile(f"{of_make}|{of_a_tool}")
    return {found.strip() for _, text in printed() for found in pattern.findall(text)}


RUN_LIVE = {
    "kubectl --context x --namespace x get services",
    "kubectl --context x get namespace x --output yaml",
    "kubectl --context x get namespaces",
    "kubectl --context x get nodes",
    "kubectl --context x get services --all-namespaces",
    "make history STACK=x",
    "make open STACK=x",
    "make status",
    "make status STACK=x",
    "make tools",
    "make up",
    "make up REFRESH=1",
    "make up STACK=x",
    "make up STACK=x REFRESH=1",
    "pulumi preview --json --show-sames",
}
"""They change nothing of a release that is as its file says."""
VALUES, BACKUPS = "the values are the person's", "tests/live/test_backup.py"
SESSION = "a session of docs/operations.md"
CLUSTER = "it would change the tests' cluster"
RUN_NOWHERE = {
    "kubectl --context x --namespace x create secret generic x --from-literal=database-url=ADDRESS "
    "--from-literal=better-auth-secret=KEY": VALUES,
    "kubectl --context x --namespace x patch secret x --patch 'x'": VALUES,
    "kubectl --context x create namespace x": "the namespace is the person's",
    "make backup STACK=x": BACKUPS,
    "make backup TO=s3://BUCKET/ STACK=x": "the bucket is the person's",
    "make cluster-delete STACK=x": CLUSTER,
    "make dev STACK=dev": "until Ctrl-C: tests/live/test_dev.py",
    "make down": SESSION,
    "make down STACK=x": SESSION,
    "make logs STACK=x": "until Ctrl-C",
    "make restore FROM=x STACK=x": BACKUPS,
    "make restore FROM=x STACK=x CONFIRM=x": BACKUPS,
    "make restore STACK=x FROM=file": BACKUPS,
    "make rollback STACK=x TO=N": "a revision is the person's choice: tests/live/test_history.py",
    "make rotate STACK=x SECRET=x": "tests/engine/test_rotate.py",
    "make secret STACK=x KEY=x": "tests/engine/test_secret.py",
    "minikube delete --profile x": CLUSTER,
    "minikube image load --profile x x": CLUSTER,
    "minikube start --container-runtime=containerd": CLUSTER,
    "minikube start --profile x": CLUSTER,
    "minikube tunnel --profile x": "until Ctrl-C",
    "pulumi cancel --yes --stack x": "only while an update is running: tests/ops/test_command_line.py",
    "pulumi config set --secret --stack x x:x": "printed as make secret: tests/engine/test_secret.py",
    "pulumi config set --stack x --path 'x:x' x@sha256:DIGEST": "the digest is the person's",
    "pulumi plugin install": "needs the vendor's site",
    "pulumi refresh --yes --stack x": "only where a shared state's cluster was deleted",
}
"""What runs them instead, or why nothing does."""
