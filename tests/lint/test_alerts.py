"""Prometheus' own tool reads alert rules and dashboard, and fires each alert only in its situation."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from ops.paths import ROOT

ROOM = ROOT / "docs" / "monitoring"
RULES = ROOM / "alerts.yaml"
MINUTES = 30
POD = 'namespace="taskflow", pod='


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)


def backend(pod: str, route: str, status: int = 200) -> str:
    labels = f'{POD}"{pod}", method="GET", route="{route}", status="{status}"'
    return f"taskflow_http_requests_total{{{labels}}}"


def frontend(pod: str, kind: str, status: int = 200, name: str = "requests_total") -> str:
    return f'taskflow_frontend_{name}{{{POD}"{pod}", kind="{kind}", status="{status}"}}'


def bucket(le: str) -> str:
    labels = f'{POD}"b1", method="GET", route="/api/tasks", le="{le}"'
    return f"taskflow_http_request_seconds_bucket{{{labels}}}"


def rising(each_minute: int, start: int = 0) -> str:
    return f"{start}+{each_minute}x{MINUTES}"


CUT_OFF = f'taskflow_frontend_outages_total{{{POD}"f1", away="backend"}}'
HEALTHY = {
    **{backend(pod, "/health/live"): rising(6) for pod in ("b1", "b2")},
    **{backend(pod, "/health"): rising(12) for pod in ("b1", "b2")},
    **{backend(pod, "/api/tasks"): rising(600) for pod in ("b1", "b2")},
    **{frontend(pod, "probe"): rising(18) for pod in ("f1", "f2")},
    **{frontend(pod, "page"): rising(600) for pod in ("f1", "f2")},
    **{frontend(pod, "page", name="request_seconds_total"): rising(60) for pod in ("f1", "f2")},
    bucket("0.5"): rising(600),
    bucket("+Inf"): rising(600),
}
AT_TEN = f"_x9 0+6x{MINUTES - 10}"

# What differs from a healthy release in a situation, and the alerts that fire, no others.
SITUATIONS: dict[str, tuple[dict[str, str], set[str]]] = {
    "a healthy release": ({}, set()),
    "a rollout: old pods are replaced by new ones": (
        {
            backend("b1", "/health/live"): f"{0}+6x9 _x{MINUTES}",
            backend("b3", "/health/live"): AT_TEN,
            frontend("f1", "probe"): f"{0}+6x9 _x{MINUTES}",
            frontend("f3", "probe"): AT_TEN,
        },
        set(),
    ),
    "no backend pod runs": (
        {series: "" for series in HEALTHY if series.startswith("taskflow_http")},
        {"TaskflowBackendNotScraped"},
    ),
    "no frontend pod runs": (
        {series: "" for series in HEALTHY if series.startswith("taskflow_frontend")},
        {"TaskflowFrontendNotScraped"},
    ),
    "one backend pod alone": ({backend("b2", "/health/live"): ""}, {"TaskflowSinglePod"}),
    "one frontend pod alone": ({frontend("f2", "probe"): ""}, {"TaskflowSinglePod"}),
    "one request in a thousand fails at the backend": (
        {backend("b1", "/api/tasks", 500): rising(2)},
        {"TaskflowBackendFails"},
    ),
    "one page in a thousand fails": (
        {frontend("f1", "page", 500): rising(2)},
        {"TaskflowFrontendFails"},
    ),
    "for half a minute requests fail": (
        {
            backend("b1", "/api/tasks", 500): f"0x14 300x{MINUTES}",
            frontend("f1", "page", 500): f"0x14 300x{MINUTES}",
        },
        {"TaskflowBackendFails", "TaskflowFrontendFails"},
    ),
    "the first requests to new pods fail, before Prometheus knows these": (
        {
            backend("b3", "/api/tasks", 500): f"_x14 300x{MINUTES}",
            frontend("f3", "page", 500): f"_x14 300x{MINUTES}",
        },
        {"TaskflowBackendFails", "TaskflowFrontendFails"},
    ),
    "requests failed a quarter of an hour ago": (
        {
            backend("b1", "/api/tasks", 500): f"0x4 300x{MINUTES}",
            frontend("f3", "page", 500): f"_x4 300x{MINUTES}",
        },
        set(),
    ),
    "Prometheus is new, and pods failed before": (
        {
            **{series: f"_x12 {values}" for series, values in HEALTHY.items()},
            backend("b1", "/api/tasks", 500): f"_x12 40x{MINUTES}",
            frontend("f1", "page", 500): f"_x12 40x{MINUTES}",
        },
        set(),
    ),
    "the database is away": (
        {backend("b1", "/health", 503): rising(12), backend("b2", "/health", 503): rising(12)},
        {"TaskflowDatabaseUnreachable"},
    ),
    "more requests than places at the backend": (
        {
            f'taskflow_http_requests_refused_total{{{POD}"b1", kind="request"}}': rising(5),
            backend("b1", "/api/tasks", 503): rising(5),
        },
        {"TaskflowBackendOverloaded"},
    ),
    "more requests than places at the frontend": (
        {
            frontend("f1", "page", 503, "refusals_total"): rising(5),
            frontend("f1", "page", 503): rising(5),
        },
        {"TaskflowFrontendOverloaded"},
    ),
    "pages do not reach the backend": ({CUT_OFF: rising(5)}, {"TaskflowFrontendCutOff"}),
    "a single page does not reach the backend": ({CUT_OFF: f"0x16 1x{MINUTES}"}, set()),
    "guesses at passwords, which must wait": (
        {frontend("f1", "auth", 429, "refusals_total"): rising(5)},
        set(),
    ),
    "one answer in fifty takes a second": (
        {bucket("0.5"): rising(588), bucket("1"): rising(588), bucket("2.5"): rising(600)},
        {"TaskflowBackendSlow"},
    ),
    "pages take a second and a half": (
        {frontend(pod, "page", name="request_seconds_total"): rising(900) for pod in ("f1", "f2")},
        {"TaskflowPagesSlow"},
    ),
    "a container was restarted five minutes ago": (
        {backend("b1", "/health/live"): f"{0}+6x14 0+6x{MINUTES}"},
        {"TaskflowContainerRestarted"},
    ),
}


def test_prometheus_reads_the_rules() -> None:
    answer = promtool("check", "rules", str(RULES))
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_alerts_of_a_situation_fire_and_no_others(situation: str, tmp_path: Path) -> None:
    changes, alerts = SITUATIONS[situation]
    expect_firing(alerts, changes, tmp_path)


def test_a_probe_that_fails_once_between_two_scrapes_is_no_outage(tmp_path: Path) -> None:
    once = {backend("b1", "/health", 503): f"1x19 2x{MINUTES}"}
    expect_firing(set(), once, tmp_path, interval="30s", at="11m")


def expect_firing(
    alerts: set[str],
    changes: dict[str, str],
    folder: Path,
    *,
    interval: str = "1m",
    at: str = "20m",
) -> None:
    """What differs from a healthy release, with a value for each scrape, fires these alerts and no others."""
    series = {name: values for name, values in (HEALTHY | changes).items() if values}
    firing = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": at,
        "exp_samples": [
            {"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(alerts)
        ],
    }
    test = {
        "interval": interval,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [firing],
    }
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": [test]}))
    answer = promtool("test", "rules", str(path))
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_each_alert_fires_in_some_situation() -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    assert alerts == set.union(*(fired for _, fired in SITUATIONS.values()))
    explained = set(re.findall(r"`(Taskflow\w+)`", (ROOM / "README.md").read_text()))
    assert alerts == explained, "docs/monitoring/README.md says which promise each is for"


def test_prometheus_reads_the_queries_of_the_dashboard() -> None:
    dashboard = json.loads((ROOM / "dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(queries) > 10
    for query in queries:
        # Grafana puts the variables' values in before it asks.
        asked = query.replace("$__rate_interval", "5m").replace("$namespace", "taskflow")
        answer = promtool("--experimental", "promql", "format", asked)
        assert answer.returncode == 0, f"{query}: {answer.stderr}"
