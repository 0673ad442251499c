"""`make bench`: how figures are made of samples, compared with goals and written down."""

import base64
import json
import sys
from pathlib import Path

import jwt
import pytest
import yaml

from bench import document, inner_loop, previews, program_cost, project, reads
from bench.command import Values
from bench.figures import Figure, Goal, Section, quantity
from bench.first_up import images_of, write_chart
from bench.machine import Circumstances
from bench.reads import Load
from bench.starts import Seen, instant
from bench.timing import timed
from components.config.stack_file import StackFile as Source
from ops.config.stacks import StackFile
from ops.errors import OpsError
from tests.live_release import Kubectl
from tests.one_more_component import write_stack
from tests.ops.programs import Programs
from tests.reliability.person import Person
from tests.tokens import signing_key

MACHINE = Circumstances("2026-01-02", "a processor, 2 cores, 24 GiB", "Debian", "0.3")


def figure(*samples: float, goal: Goal | None = None) -> Figure:
    return Figure("start", samples, "s", goal)


def test_the_median_counts_so_that_one_slow_run_moves_nothing() -> None:
    assert figure(1.0, 9.0, 1.2, goal=Goal(1.5)).met


def test_a_goal_is_an_upper_or_a_lower_bound() -> None:
    assert not figure(2.0, 2.0, 3.0, goal=Goal(1.5)).met
    reads = Goal(2000, at_least=True)
    assert str(reads) == "≥ 2,000"
    assert [Figure("reads", (value,), "/s", reads).met for value in (1390.0, 2001.0)] == [
        False,
        True,
    ]


def test_a_bound_says_what_it_was_derived_from() -> None:
    assert str(Goal(5.5, "1.0 x helm's + 2 s")) == "≤ 5.50, 1.0 x helm's + 2 s"


def test_one_of_twenty_edits_may_be_slower_than_the_p95() -> None:
    samples = [*range(1, inner_loop.EDITS), 100.0]
    assert inner_loop.p95(samples) == inner_loop.EDITS - 1


def test_a_figure_without_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="no samples"):
        figure()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0441, "0.044 s"), (0.84, "0.84 s"), (12.34, "12.3 s"), (1390.4, "1,390 s")],
)
def test_a_number_has_the_digits_that_it_is_worth(value: float, text: str) -> None:
    assert quantity(value, "s") == text


def test_the_document_has_command_machine_date_and_every_figure() -> None:
    section = Section("Starts", "A pod is deleted.", (figure(1.0, 3.0, 2.0, goal=Goal(2.5)),))
    text = document.markdown([section], MACHINE, 12.4)
    for part in ("`make bench`", "2026-01-02", "a processor, 2 cores", "12 min", "## Starts"):
        assert part in text
    assert "- start: 2.00 s (1.00-3.00) - goal ≤ 2.50\n" in text


def test_one_run_has_no_range() -> None:
    section = Section("Starts", "", (figure(2.0),))
    assert "- start: 2.00 s\n" in document.markdown([section], MACHINE, 1)


def test_a_goal_that_is_missed_is_bold_and_counted() -> None:
    section = Section("Starts", "", (figure(3.0, goal=Goal(2.5)), figure(1.0, goal=Goal(2.5))))
    text = document.markdown([section], MACHINE, 1)
    assert "- start: 3.00 s - **goal ≤ 2.50**\n- start: 1.00 s - goal ≤ 2.50\n" in text
    assert "1 of 2 goals are met" in text


def test_what_could_not_be_measured_is_said_in_its_place() -> None:
    broken = Section("Starts", "", failure="no cluster")
    assert "**Not measured**: no cluster" in document.markdown([broken], MACHINE, 1)
    assert "**Not measured**: no cluster" in document.shown(broken), "also in the terminal"


def test_load_counts_only_answers_of_200_and_per_cpu_second_of_the_pod() -> None:
    report = {
        "requests": 100,
        "throughput": 49.5,
        "latencies": {"99th": 12_500_000},
        "status_codes": {"200": 90, "503": 10},
    }
    load = Load.of_report(report, cpu_seconds=0.05)
    assert (load.answered, load.p99_milliseconds) == (90, 12.5)
    section = reads.section([load], [load], 25.0)
    assert section.figures[0].samples == (1800.0,), "90 answers in 0.05 CPU seconds"
    assert section.notes == ("180 of 200 requests were answered with 200.",)


def test_a_sample_is_read_by_its_whole_name() -> None:
    page = "# TYPE cpu counter\ncpu_seconds_total 3\ncpu 1.5\n"
    assert reads.sample_of(page, "cpu") == 1.5
    with pytest.raises(OpsError, match="no memory"):
        reads.sample_of(page, "memory")


def test_a_pod_is_seen_before_it_has_a_container_and_when_it_is_ready() -> None:
    assert Seen.of("web-1") == Seen("web-1", ready=False, container="")
    assert Seen.of("web-1 False docker://abc") == Seen("web-1", ready=False, container="abc")
    assert Seen.of("web-1 True docker://abc\n") == Seen("web-1", ready=True, container="abc")


def test_the_runtimes_time_keeps_its_milliseconds() -> None:
    later, earlier = "2026-11-23T21:50:15.250000001Z", "2026-11-23T21:50:14.75Z"
    assert instant(later) - instant(earlier) == pytest.approx(0.5, abs=1e-6)
    assert instant("1970-01-01T00:00:01Z") == 1


def test_growth_is_held_against_the_slope_of_the_first_ten_releases() -> None:
    linear = {1: [1.0], 10: [1.9], 50: [5.9]}
    steeper = {1: [1.0], 10: [1.9], 50: [9.9]}
    section = program_cost.growth_section(linear, steeper)
    slopes = [row for row in section.figures if row.goal]
    assert [row.met for row in slopes] == [True, False]


def test_the_floor_is_explained_only_where_the_goal_is_missed() -> None:
    assert program_cost.section([0.4], [0.5], [0.3]).notes == ()
    (note,) = program_cost.section([0.9], [0.8], [0.6]).notes
    assert "0.60 CPU s" in note
    assert "0.30 CPU s" in note


def test_a_preview_slower_than_the_yardsticks_explains_the_difference() -> None:
    assert previews.section([1.0], [1.1], [2.0]).notes == ()
    missed = previews.section([3.5], [2.0], [4.0])
    assert missed.figures[0].goal == Goal(2.15, "the plain program's + 0.15 s")
    assert "The 1.5 s more" in missed.notes[0]


def test_the_chart_has_every_object_and_secrets_that_fit_each_other(tmp_path: Path) -> None:
    labels = {"app": "bench"}
    objects = [
        {"kind": "Service", "metadata": {"name": "a"}},
        {"kind": "Secret", "metadata": {"labels": labels}, "stringData": {"password": "masked"}},
        {
            "kind": "Secret",
            "metadata": {"labels": labels},
            "stringData": {"database-url": "masked"},
        },
    ]
    chart = write_chart(tmp_path / "chart", objects)
    service, first, second = yaml.safe_load_all((chart / "templates" / "all.yaml").read_text())
    assert service == objects[0]
    password = first["stringData"]["password"]
    assert f":{password}@bench-postgres:5432/" in second["stringData"]["database-url"]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    programs = Programs(tmp_path)
    monkeypatch.setenv("PATH", programs.env["PATH"])
    return programs


def test_a_token_is_signed_with_the_key_that_the_backend_has(programs: Programs) -> None:
    reference = {"secretKeyRef": {"name": "bench-auth-1", "key": "better-auth-secret"}}
    entry = {"name": "BETTER_AUTH_SECRET", "valueFrom": reference}
    spec = {"containers": [{"env": [{"name": "PORT", "value": "1"}, entry]}]}
    programs.answer("kubectl", "pods", {"items": [{"metadata": {"uid": "1"}, "spec": spec}]})
    key = "k" * 48
    data = {"better-auth-secret": base64.b64encode(key.encode()).decode()}
    programs.answer("kubectl", "secret bench-auth-1", {"data": data})
    person = Person("", "", cookie="", user="somebody", key=signing_key(Kubectl("bench")))
    claims = jwt.decode(
        person.token, key, ["HS256"], issuer="taskflow-frontend", audience="taskflow-backend"
    )
    assert claims["sub"] == "somebody"
    assert claims["exp"] - claims["iat"] <= 120, "the backend refuses a longer life"


def test_a_release_is_gone_only_when_its_volumes_are(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("kubectl", "delete", "")
    volume = {"metadata": {"name": "pvc-1"}, "spec": {"claimRef": {"namespace": "bench"}}}
    programs.answer("kubectl", "persistentvolumes", {"items": [volume]})
    monkeypatch.setattr(project, "VOLUME_SECONDS", 0.0)
    with pytest.raises(OpsError, match="volumes of namespace bench"):
        project.remove("bench")
    project.remove("another")
    assert [call[5] for call in programs.calls if "delete" in call] == ["delete", "delete"]


def test_the_images_to_have_in_advance_are_those_of_the_deployments() -> None:
    pod = {"spec": {"containers": [{"name": "backend", "image": "taskflow-backend:1"}]}}
    objects = [
        {"kind": "Deployment", "spec": {"template": pod}},
        {"kind": "StatefulSet", "spec": {"template": pod}},
    ]
    assert images_of(objects) == {"backend": "taskflow-backend:1"}
    assert images_of(objects[1:]) == {}, "the database's image is not built here"


def test_an_object_that_helm_would_read_as_a_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="braces"):
        write_chart(tmp_path / "chart", [{"kind": "ConfigMap", "data": {"text": "{{ x }}"}}])


def test_a_command_is_measured_with_what_it_waited_for(tmp_path: Path) -> None:
    busy = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(3_000_000))'])"
    measured = timed([sys.executable, "-c", busy], env={}, cwd=tmp_path)
    assert measured.cpu_seconds > 0.02, "the grandchild's time counts"
    asleep = timed([sys.executable, "-c", "import time; time.sleep(0.4)"], env={}, cwd=tmp_path)
    assert asleep.seconds > 0.4 > asleep.cpu_seconds, "waiting is no work"


def test_a_command_that_fails_or_hangs_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="failed with 3") as failed:
        timed([sys.executable, "-c", "print('why'); exit(3)"], env={}, cwd=tmp_path)
    assert failed.value.where == "why"
    with pytest.raises(OpsError, match="failed with 124") as hung:
        timed([sys.executable, "-c", "import time; time.sleep(9)"], env={}, cwd=tmp_path, limit=0.3)
    assert "did not answer within" in str(hung.value.where)


@pytest.mark.exhaustive
@pytest.mark.parametrize("program", ["plain", "many"])
def test_the_programs_that_are_compared_with_run_on_mocks(tmp_path: Path, program: str) -> None:
    folder = project.fixture(program, tmp_path / program)
    values = {"plain": {"namespace": "bench"}, "many": {"releases": "2"}}
    command = program_cost.program(folder, context="bench", **values[program])
    root = Path(__file__).resolve().parents[2]
    assert timed([sys.executable, *command], env={}, cwd=root).cpu_seconds > 0


def test_the_program_alone_gets_what_the_engine_would_hand_over(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config: {release: 1e6, taskflow:backend: {replicas: 0x2}}\n"
    )
    (_, module, _, *values) = program_cost.program(tmp_path, context="bench")
    assert module == "bench.program"
    assert values == ["release=1000000", 'backend={"replicas": 2}', "context=bench"]


@pytest.mark.parametrize("namespace", ["taskflow:", "", "taskflow:config:"])
def test_the_stacks_values_are_read_in_every_form(tmp_path: Path, namespace: str) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n"
        f"  {namespace}cluster: {{minikube: minikube}}\n"
        f"  {namespace}backend: {{env: {{A: '1e6'}}}}\n"
        f"  {namespace}openaiApiKey: {{secure: v1:x}}\n"
    )
    values = Values.read(StackFile.read("dev", tmp_path))
    write_stack(tmp_path, "bench", values.mocked())
    source = Source.of_stack("bench", "taskflow", tmp_path)
    assert {key: json.loads(text) for key, text in source.texts.items()} == {
        "cluster": {"minikube": "minikube", "context": "bench"},
        "backend": {"env": {"A": "1e6"}},
    }
