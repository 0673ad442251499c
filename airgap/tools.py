"""Build Pulumi, its Kubernetes provider, Minikube and the cluster's own programs from their Go modules.

Nearly all are packages of one module graph, `go/go.mod`, so that the libraries they share are compiled once. The
results are in the cache under a key made of everything that defines the build: any clone on this machine finds them.
"""

import hashlib
import json
import re
import shutil
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from .run import BIN, CACHE, HERE, StepError, need_space, put, run, say

GIGABYTES = 14  # nearly all of it in Go's own caches
GO = HERE / "go"
PROGRAMS: dict[str, dict[str, Any]] = tomllib.loads((GO / "programs.toml").read_text())
USUAL = [name for name, program in PROGRAMS.items() if not program.get("extra")]
PROVIDER = "pulumi-resource-kubernetes"
ON_PATH = ("pulumi", "minikube", "kubectl", PROVIDER)
FLAGS = ("-trimpath", "-gcflags=all=-dwarf=false")
LEFT = ("-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}")  # what is not compiled yet
# The compiler spends a quarter of its time on garbage: more memory (2 GB at the most, GOGC) saves it.
ENV = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOGC": "400"}
HINT = "Go >= 1.26 and its module proxy are needed. Run the same command again: what is compiled is kept."


def prepare(*names: str) -> None:
    """Build these programs; without any, what the application's first start needs."""
    if unknown := set(names) - PROGRAMS.keys():
        raise StepError(f"Only {', '.join(PROGRAMS)} can be built here, not {', '.join(unknown)}.")
    missing = [name for name in names or USUAL if not find(name).exists()]
    if missing:
        need_space(CACHE, GIGABYTES if len(missing) > 1 else 2, "Building the tools")
        for graph in sorted({_graph(name) for name in missing}):
            _build(graph, [name for name in missing if _graph(name) == graph])
    for name in names or ON_PATH:
        put(find(name), BIN / name, linked=True)


def find(name: str) -> Path:
    """A built program, for the steps after this one."""
    return folder(_graph(name)) / name


def version(module: str, graph: str = "") -> str:
    """The version of a module that go.mod requires, such as `v1.37.2`."""
    required = re.compile(rf"^(?:require)?\s+{re.escape(module)} (v\S+)", re.MULTILINE)
    return str(required.findall((GO / graph / "go.mod").read_text())[0])


def folder(graph: str = "") -> Path:
    """The folder of a module graph's programs, named after everything that defines their build."""
    defined = {name: program for name, program in PROGRAMS.items() if _graph(name) == graph}
    others = {GO / other for other in map(_graph, PROGRAMS) if other and other != graph}
    digest = hashlib.sha256(json.dumps(defined).encode())
    for path in sorted((GO / graph).rglob("*")):
        if path.is_file() and path.suffix != ".toml" and not others & {*path.parents}:
            digest.update(path.read_bytes())
    return CACHE / "programs" / digest.hexdigest()[:12]


def _graph(name: str) -> str:
    return str(PROGRAMS[name].get("graph", ""))


def _build(graph: str, names: list[str]) -> None:
    """Build programs of one module graph at once; each is put in place atomically."""
    target = folder(graph)
    target.mkdir(parents=True, exist_ok=True)
    for left in target.glob(".building-*"):  # left by a killed run
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=target) as made:
        built = Path(made) / "programs"
        packages = [PROGRAMS[name]["package"] for name in names]
        tags = [f"-tags={PROGRAMS[name]['tags']}" for name in names if "tags" in PROGRAMS[name]]
        options = [*_with_copies(names, graph, Path(made)), *FLAGS, *tags]
        say(f"looking up and fetching the modules of {', '.join(names)}")
        expected = set(_go(graph, "list", *options, *LEFT, *packages).split())
        options += ["-ldflags", f"-s -w {_variables(graph)}", "-o", f"{built}/"]
        log = f"tools-{graph or 'all'}"
        _go(graph, "build", "-v", *options, *packages, log=log, expected=expected)
        for name in names:
            (built / name).replace(target / name)


def _go(graph: str, *arguments: str, **more: Any) -> str:
    return run("go", *arguments, cwd=GO / graph, env=ENV, hint=HINT, **more)


def _variables(graph: str) -> str:
    """The linker's settings of all programs: one that a program does not have is ignored."""
    settings = []
    for name, program in PROGRAMS.items():
        for variable in program.get("variables", ()) if _graph(name) == graph else ():
            found = version(program["module"], graph)
            minor = found.split(".")[1]
            settings.append(f"-X {variable}".replace("VERSION", found).replace("MINOR", minor))
    return " ".join(settings)


def _with_copies(names: list[str], graph: str, scratch: Path) -> list[str]:
    """Go's options for copies of the modules that programs.toml changes: files in Go's own cache cannot be replaced."""
    changed = [name for name in names if PROGRAMS[name].keys() & {"without", "edits"}]
    if not changed:
        return []
    copies = {PROGRAMS[name]["module"]: _copied(name, graph, scratch) for name in changed}
    replaced = [f"replace {module} => {copy}" for module, copy in copies.items()]
    modules = scratch / "go.mod"
    modules.write_text("\n".join([(GO / graph / "go.mod").read_text(), *replaced]))
    shutil.copy(GO / graph / "go.sum", scratch)
    return [f"-modfile={modules}"]


def _copied(name: str, graph: str, scratch: Path) -> Path:
    module, program = PROGRAMS[name]["module"], PROGRAMS[name]
    said = _go(graph, "mod", "download", "-json", f"{module}@{version(module, graph)}")
    original, unused = json.loads(said)["Dir"], shutil.ignore_patterns("testdata")
    copy = shutil.copytree(original, scratch / name, ignore=unused, copy_function=shutil.copyfile)
    for path in (copy, *filter(Path.is_dir, copy.rglob("*"))):
        path.chmod(0o755)  # Go's cache is read-only
    for file in program.get("without", ()):
        (copy / file).unlink()
    for file, old, new in program.get("edits", ()):
        text = (copy / file).read_text()
        if old not in text:
            raise StepError(f"programs.toml edits {old} in {file}, which {module} no longer has.")
        (copy / file).write_text(text.replace(old, new))
    if name == PROVIDER:
        _complete_provider(copy)
    return copy


def _complete_provider(copy: Path) -> None:
    """Generate what the provider's own build generates before it compiles."""
    main = copy / "cmd" / PROVIDER
    schema = json.loads((main / "schema.json").read_text())
    release = PROGRAMS[PROVIDER]["variables"][0].split("=")[1]
    (main / "schema-embed.json").write_text(json.dumps({**schema, "version": release}))
    (main / "terraform-mapping.json").rename(main / "terraform-mapping-embed.json")
    shutil.copy(GO / "provider/provider_construct.go", copy / "pkg/provider")
