"""Monitoring: who may scrape what, and alerts and a dashboard that name what the services export."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.config.workload import Frontend
from tests.unit.conftest import LOCAL, Deploy, Engine, merged

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "docs" / "monitoring"
BACKEND = "".join(path.read_text() for path in (ROOT / "docker/backend/taskflow_api").rglob("*.py"))
FRONTEND = "".join(path.read_text() for path in (ROOT / "docker/frontend/lib").glob("*.ts"))
SCRAPED: dict[str, Any] = {"monitoring": {"namespace": "watch"}}
WATCH = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watch"}}}
SERVICES = ("backend", "frontend")


def ingress(engine: Engine, component: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = engine.only("NetworkPolicy", component)["spec"].get("ingress", [])
    return rules


def template(engine: Engine, component: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.only("Deployment", component)["spec"]["template"]
    return found


def ports(engine: Engine, component: str) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in engine.container(component)["ports"]}


@pytest.mark.parametrize(("component", "port"), [("backend", 8000), ("frontend", 9464)])
def test_the_named_namespace_reaches_the_metrics_port_and_no_other(
    deploy: Deploy, component: str, port: int
) -> None:
    rules = ingress(deploy(merged(LOCAL, SCRAPED)), component)
    scraping = {"from": [WATCH], "ports": [{"port": port, "protocol": "TCP"}]}
    assert rules == [*ingress(deploy(LOCAL), component), scraping]


def test_the_port_of_the_metrics_is_one_of_the_containers(deploy: Deploy) -> None:
    engine = deploy(merged(LOCAL, SCRAPED))
    assert ports(engine, "backend") == {"http": 8000}, "server-side apply refuses 8000 twice"
    assert ports(engine, "frontend") == {"http": 3000, "metrics": 9464}
    assert ports(deploy(LOCAL), "frontend") == {"http": 3000}, "nobody asked for it"


@pytest.mark.parametrize(("component", "port"), [("backend", "8000"), ("frontend", "9464")])
def test_pods_are_marked_for_scraping_only_if_asked_for(
    deploy: Deploy, component: str, port: str
) -> None:
    assert "annotations" not in template(deploy(merged(LOCAL, SCRAPED)), component)["metadata"]
    marked = merged(LOCAL, merged(SCRAPED, {"monitoring": {"annotations": True}}))
    wanted = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": port,
        "prometheus.io/path": "/metrics",
    }
    assert template(deploy(marked), component)["metadata"]["annotations"] == wanted
    own = {"prometheus.io/scrape": "false"}
    engine = deploy(merged(marked, {component: {"podAnnotations": own}}))
    assert template(engine, component)["metadata"]["annotations"] == wanted | own


def test_the_services_listen_where_the_program_says() -> None:
    assert f"DEFAULT_PORT = {Frontend.metrics_port};" in FRONTEND
    assert "request.url === '/metrics'" in FRONTEND
    assert '@router.get("/metrics"' in BACKEND


def test_pod_monitors_name_ports_that_the_containers_have(deploy: Deploy) -> None:
    engine = deploy(merged(LOCAL, SCRAPED))
    monitors = list(yaml.safe_load_all((ROOM / "pod-monitors.yaml").read_text()))
    components = []
    for monitor in monitors:
        selector = monitor["spec"]["selector"]["matchLabels"]
        components.append(selector["component"])
        labels = template(engine, selector["component"])["metadata"]["labels"]
        assert selector.items() <= labels.items()
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] in ports(engine, selector["component"])
    assert sorted(components) == sorted(SERVICES)


def exported() -> dict[str, set[str]]:
    """Labels by the names of all series, read from the services' sources."""
    found: dict[str, set[str]] = {}
    declared = r'\b(Counter|Histogram)\(\s*"(\w+)",\s*"[^"]*",\s*\[([^\]]*)\]'
    for kind, name, labels in re.findall(declared, BACKEND):
        own = set(re.findall(r'"(\w+)"', labels))
        if kind == "Counter":
            found[name] = own
        else:
            found |= {f"{name}_bucket": own | {"le"}, f"{name}_sum": own, f"{name}_count": own}
    own = set(re.findall(r'(\w+)="\$\{\w+\}"', FRONTEND))
    for name in re.findall(r"'(\w+)',\s*'(?:counter|gauge)'", FRONTEND):
        found[name] = own if name.startswith("taskflow_") else set()
    return found


TARGET = {"namespace", "pod"}  # What Prometheus adds to everything that it scrapes in a cluster.
WORDS = {"by", "or", "and", "unless", "offset"}


def queries() -> Iterator[tuple[str, str]]:
    """All queries of the alert rules and the dashboard, by their place."""
    for group in yaml.safe_load((ROOM / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    dashboard = json.loads((ROOM / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            series, label = re.findall(r"\w+", variable["query"]["query"])[1:]
            yield variable["name"], f"sum by ({label}) ({series})"


QUERIES = dict(queries())
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


def series_of(query: str) -> list[tuple[str, set[str], dict[str, str]]]:
    """Each series that a query names, with the labels that it asks for and those that have to equal a text."""
    grouped = {
        label
        for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", query)
        for label in re.findall(r"\w+", labels)
    }
    rest = re.sub(r"\b(?:by|on) \([^)]*\)|\[[^\]]*\]", " ", query)
    found = []
    for name, _, matchers in re.findall(r"\b([a-z_]\w*)\b(?!\s*\()(\{([^}]*)\})?", rest):
        if name not in WORDS:
            asked = MATCHER.findall(matchers)
            equal = {label: text for label, sign, text in asked if "~" not in sign}
            found.append((name, grouped | {label for label, _, _ in asked}, equal))
    return found


@pytest.mark.parametrize("place", QUERIES)
def test_a_query_names_series_and_labels_that_the_services_export(place: str) -> None:
    known = exported()
    asked = series_of(QUERIES[place])
    assert asked, "a query without a series shows nothing"
    for name, labels, _ in asked:
        assert name in known, name
        assert labels <= known[name] | TARGET, name


@pytest.mark.parametrize("place", QUERIES)
def test_a_query_asks_for_kinds_and_routes_that_there_are(place: str) -> None:
    for _, _, equal in series_of(QUERIES[place]):
        for label in equal.keys() & {"kind", "route"}:
            texts = (f'"{equal[label]}"', f"'{equal[label]}'")
            assert any(text in BACKEND + FRONTEND for text in texts), equal


def test_every_metric_of_the_services_is_explained_and_shown() -> None:
    readme = (ROOM / "README.md").read_text()
    shown = {name for query in QUERIES.values() for name, _, _ in series_of(query)}
    for name in exported():
        family = re.sub(r"(?<=_seconds)_(bucket|sum|count)$", "", name)
        assert f"`{family}`" in readme
        assert any(other.startswith(family) for other in shown), f"{family} is on no panel"


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    for group in yaml.safe_load((ROOM / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert {"summary", "description"} <= rule["annotations"].keys()
