"""TaskflowApp: what a release consists of, and what it leaves out."""

import base64
import json
import shlex
from typing import Any

import pulumi
import pytest

from tests.cases import more
from tests.unit.conftest import (
    AUTO_NAME_SUFFIX,
    DEPLOYED,
    LOCAL,
    PROD_SECRETS,
    Deploy,
    Engine,
    merged,
)


def test_pods_come_from_deployments_and_one_statefulset_only(deploy: Deploy) -> None:
    engine = deploy(LOCAL)
    kinds = {
        typ.rsplit(":", 1)[1] for typ in engine.types.values() if typ.startswith("kubernetes:")
    }
    expected = {
        "Namespace",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "ConfigMap",
        "Secret",
        "Deployment",
        "StatefulSet",
        "Service",
        "PersistentVolumeClaim",
    }
    assert kinds == expected, (
        "no bare Pod or ReplicaSet, and no optional part that was not asked for"
    )
    assert list(engine.of_kind("StatefulSet")) == ["taskflow-postgres-statefulset"]


def test_names_are_release_dash_component(deploy: Deploy) -> None:
    engine = deploy(merged(LOCAL, {"release": "blue"}))
    for kind, components in {
        "Deployment": {"backend", "frontend"},
        "StatefulSet": {"postgres"},
        "Service": {"backend", "frontend", "postgres", "postgres-headless"},
    }.items():
        names = {inputs["metadata"]["name"] for inputs in engine.of_kind(kind).values()}
        assert names == {f"blue-{component}" for component in components}
    assert engine.inputs["outputs"]["namespace"] == "blue"


@pytest.mark.parametrize("component", ["backend", "frontend"])
def test_selectors_use_app_and_component(deploy: Deploy, component: str) -> None:
    engine = deploy(LOCAL)
    wanted = {"app": "taskflow", "component": component}
    workload, service = engine.only("Deployment", component), engine.only("Service", component)
    assert workload["spec"]["selector"]["matchLabels"] == wanted
    assert service["spec"]["selector"] == wanted
    pod_labels = workload["spec"]["template"]["metadata"]["labels"]
    assert wanted.items() <= pod_labels.items(), "else the Deployment would not find its own pods"
    assert pod_labels["app.kubernetes.io/instance"] == "taskflow"


@pytest.mark.parametrize("component", ["backend", "frontend"])
def test_two_replicas_roll_one_by_one(deploy: Deploy, component: str) -> None:
    spec = deploy(LOCAL).only("Deployment", component)["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1},
    }


@pytest.mark.parametrize(
    ("component", "requests", "limits"),
    [
        ("backend", {"cpu": "250m", "memory": "256Mi"}, {"cpu": "500m", "memory": "512Mi"}),
        ("frontend", {"cpu": "100m", "memory": "128Mi"}, {"cpu": "250m", "memory": "256Mi"}),
    ],
)
def test_resources_are_the_documented_ones(
    deploy: Deploy, component: str, requests: dict[str, str], limits: dict[str, str]
) -> None:
    resources = deploy(LOCAL).container(component)["resources"]
    assert resources == {
        "requests": requests | {"ephemeral-storage": "64Mi"},
        "limits": limits | {"ephemeral-storage": "512Mi"},
    }


def test_the_backends_liveness_never_asks_the_database(deploy: Deploy) -> None:
    container = deploy(LOCAL).container("backend")
    assert container["readinessProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "http"}
    assert container["startupProbe"]["httpGet"] == {"path": "/health/live", "port": "http"}


def test_fixed_probe_delays_can_be_configured_in_place_of_the_startup_probe(deploy: Deploy) -> None:
    fixed = {
        "startup": None,
        "liveness": {"initialDelay": 30, "period": 10, "timeout": 5, "failures": 3},
        "readiness": {"initialDelay": 10, "period": 5, "timeout": 3, "failures": 3},
    }
    container = deploy(merged(LOCAL, {"backend": {"probes": fixed}})).container("backend")
    assert "startupProbe" not in container
    assert container["livenessProbe"]["initialDelaySeconds"] == 30
    assert container["readinessProbe"]["initialDelaySeconds"] == 10


def test_both_services_read_one_config_map_by_env_from(deploy: Deploy) -> None:
    engine = deploy(LOCAL)
    data = engine.only("ConfigMap", "config")["data"]
    assert data == {
        "FRONTEND_URL": "http://taskflow-frontend:3000",
        "BACKEND_URL": "http://taskflow-backend:8000",
        "NODE_ENV": "production",
        "LOG_LEVEL": "info",
    }
    for component in ("backend", "frontend"):
        references = engine.container(component)["envFrom"]
        assert references == [{"configMapRef": {"name": f"taskflow-config{AUTO_NAME_SUFFIX}"}}]


def test_config_maps_and_secrets_are_immutable_and_named_automatically(deploy: Deploy) -> None:
    engine = deploy(LOCAL, {"openaiApiKey": "sk"})
    for name, inputs in (engine.of_kind("ConfigMap") | engine.of_kind("Secret")).items():
        assert inputs["immutable"] is True, (
            f"{name}: a change must make a new object, which rolls its readers"
        )
        assert "name" not in inputs["metadata"], (
            f"{name}: a fixed name would be deleted before it is replaced"
        )


def test_secret_values_reach_containers_by_secret_key_ref_alone(deploy: Deploy) -> None:
    engine = deploy(merged(DEPLOYED, {}), PROD_SECRETS | {"openaiApiKey": "sk-canary"})
    backend = engine.env("backend")
    shared, assistant = (
        f"taskflow-secrets{AUTO_NAME_SUFFIX}",
        f"taskflow-assistant{AUTO_NAME_SUFFIX}",
    )
    assert backend["DATABASE_URL"] == {"secretKeyRef": {"name": shared, "key": "database-url"}}
    assert backend["BETTER_AUTH_SECRET"] == {
        "secretKeyRef": {"name": shared, "key": "better-auth-secret"}
    }
    assert backend["OPENAI_API_KEY"] == {
        "secretKeyRef": {"name": assistant, "key": "openai-api-key"}
    }
    for inputs in (engine.of_kind("Deployment") | engine.of_kind("ConfigMap")).values():
        for value in (*PROD_SECRETS.values(), "sk-canary"):
            assert value not in str(inputs), "a secret value is in an object that is not a Secret"


def test_the_frontend_does_not_read_the_assistants_secret(deploy: Deploy) -> None:
    engine = deploy(LOCAL, {"openaiApiKey": "sk"})
    assert "assistant" not in str(engine.only("Deployment", "frontend")), (
        "its key's change must roll the backend alone"
    )


def test_without_an_api_key_no_pod_asks_for_one(deploy: Deploy) -> None:
    engine = deploy(LOCAL)
    assert "OPENAI_API_KEY" not in engine.env("backend")
    assert "taskflow-assistant" not in engine.of_kind("Secret")


BY_HAND = {"secrets": {"existing": "taskflow-secrets"}, "createNamespace": False}


VALID = {
    "database-url": PROD_SECRETS["databaseUrl"],
    "better-auth-secret": PROD_SECRETS["betterAuthSecret"],
}


def with_secret_by_hand(values: dict[str, str]) -> Engine:
    """An engine whose cluster has the Secret already; a byte that is not UTF-8 is a lone surrogate."""
    metadata = {"name": "taskflow-secrets", "namespace": "taskflow", "resourceVersion": "4711"}
    data = {
        key: base64.b64encode(value.encode(errors="surrogateescape")).decode()
        for key, value in values.items()
    }
    return Engine(existing={"taskflow/taskflow-secrets": {"metadata": metadata, "data": data}})


def test_an_existing_secret_is_used_and_none_is_made(deploy: Deploy) -> None:
    engine = with_secret_by_hand(VALID)
    deploy(merged(DEPLOYED, BY_HAND), engine=engine)
    backend = engine.env("backend")
    assert backend["DATABASE_URL"] == {
        "secretKeyRef": {"name": "taskflow-secrets", "key": "database-url"}
    }
    for key in ("OPENAI_API_KEY", "BETTER_AUTH_SECRET_NEXT", "BETTER_AUTH_SECRET_FORMER"):
        assert backend[key]["secretKeyRef"]["optional"] is True
    assert engine.of_kind("Secret") == {}


def test_a_change_of_an_existing_secret_rolls_its_readers(deploy: Deploy) -> None:
    engine = with_secret_by_hand(VALID)
    deploy(merged(DEPLOYED, BY_HAND), engine=engine)
    for component in ("backend", "frontend"):
        template = engine.only("Deployment", component)["spec"]["template"]
        assert template["metadata"]["annotations"] == {"taskflow/secret-version": "4711"}


def test_the_keys_that_an_existing_secret_lacks_are_named_before_anything_is_deployed(
    deploy: Deploy,
) -> None:
    engine = with_secret_by_hand({"database-url": VALID["database-url"]})
    with pytest.raises(
        pulumi.RunError, match="lacks better-auth-secret; add them with: "
    ) as caught:
        deploy(merged(DEPLOYED, BY_HAND), engine=engine)
    *command, patch = shlex.split(str(caught.value).partition("add them with: ")[2])
    assert command[:3] == ["kubectl", "--context", "production"], (
        "whichever context is the current one"
    )
    assert command[-1] == "--patch", "the Secret exists: `create` would be refused"
    assert json.loads(patch) == {"stringData": {"better-auth-secret": "..."}}
    assert [typ for typ in engine.types.values() if typ.startswith("kubernetes:")] == []


@pytest.mark.parametrize(
    ("key", "value", "mistake"),
    [
        ("database-url", "postgresql://u:canary@db.example.com/taskflow", "asks for no TLS"),
        ("database-url", "postgresql://u:canary@h:6543/t?sslmode=require", "has port 6543, but"),
        ("database-url", "canary", "must look like"),
        ("better-auth-secret", "canary", "has 6 characters, expected at least 32"),
        ("better-auth-secret-next", "canary", "has 6 characters, expected at least 32"),
        ("better-auth-secret", f"{'canary' * 8}\0", "has a NUL character"),
        ("openai-api-key", "“canary”", "has characters that no HTTP header may contain"),
        ("database-owner-url", "postgresql://u:canary@db.example.com/taskflow", "asks for no TLS"),
        ("frontend-database-url", "postgresql://u:canary@h/taskflow", "asks for no TLS"),
        ("better-auth-secret", f"\udce9{'canary' * 8}", "is not UTF-8 text: save it as"),
        ("better-auth-secret-next", f"\udce9{'canary' * 8}", "is not UTF-8 text: save it as"),
        ("database-url", "postgresql://\udce9:canary@h/taskflow", "is not UTF-8 text: save it as"),
    ],
)
def test_the_values_of_an_existing_secret_obey_the_rules_of_the_others(
    deploy: Deploy, key: str, value: str, mistake: str
) -> None:
    engine = with_secret_by_hand(VALID | {key: value})
    with pytest.raises(
        pulumi.RunError, match=f"Secret taskflow-secrets in namespace taskflow: its {key} {mistake}"
    ) as caught:
        deploy(merged(DEPLOYED, BY_HAND), engine=engine)
    assert "canary" not in str(caught.value)
    assert [typ for typ in engine.types.values() if typ.startswith("kubernetes:")] == []


def test_a_namespace_that_exists_is_left_alone(deploy: Deploy) -> None:
    values = merged(LOCAL, {"createNamespace": False, "namespace": "shared"})
    engine = deploy(values)
    assert engine.of_kind("Namespace") == {}
    assert engine.only("Deployment", "backend")["metadata"]["namespace"] == "shared"


DATABASE_PASSWORDS = {
    "taskflow-postgres-password",
    "taskflow-postgres-backend-password",
    "taskflow-postgres-frontend-password",
}


def test_missing_dev_secrets_are_generated_by_pulumi_random(deploy: Deploy) -> None:
    engine = deploy(LOCAL)
    assert set(engine.of_kind("RandomPassword")) == {
        *DATABASE_PASSWORDS,
        "taskflow-better-auth-secret",
    }
    assert engine.inputs["taskflow-better-auth-secret"]["length"] >= 32


def test_given_secrets_are_not_generated(deploy: Deploy) -> None:
    engine = deploy(LOCAL, {"betterAuthSecret": "s" * 32})
    assert set(engine.of_kind("RandomPassword")) == DATABASE_PASSWORDS


def signing_keys(engine: Engine) -> dict[str, str]:
    """What the Secret that both services read has beside the database's address."""
    data: dict[str, str] = engine.inputs["taskflow-secrets"]["stringData"]["value"]
    return {key: value for key, value in data.items() if key.startswith("better-auth-secret")}


@pytest.mark.parametrize(
    ("generations", "signs", "accepted"),
    [
        ([1, 2], "", {"-next": "-2"}),
        *more(([2], "-2", {}), ([2, 1], "-2", {"-former": ""})),
    ],
    ids=["the next is accepted", "one", "the former is accepted"],
)
def test_generated_signing_keys_rotate_by_their_numbers(
    deploy: Deploy, generations: list[int], signs: str, accepted: dict[str, str]
) -> None:
    engine = deploy(merged(LOCAL, {"secrets": {"generations": generations}}))
    made = [name for name in engine.of_kind("RandomPassword") if "better-auth-secret" in name]
    assert len(made) == len(generations)
    expected = {"": signs, **accepted}
    for component in ("backend", "frontend"):
        env = engine.env(component)
        found = {
            name.removeprefix("BETTER_AUTH_SECRET"): value["secretKeyRef"]["key"]
            for name, value in env.items()
            if name.startswith("BETTER_AUTH_SECRET")
        }
        assert found == {
            suffix.replace("-", "_").upper(): f"better-auth-secret{suffix}" for suffix in expected
        }
    assert {key: value.rstrip("x") for key, value in signing_keys(engine).items()} == {
        f"better-auth-secret{suffix}": f"taskflow-better-auth-secret{number}"
        for suffix, number in expected.items()
    }


@pytest.mark.parametrize("key", ["Next", "Former"])
def test_a_given_signing_key_is_accepted_beside_the_one_that_signs(
    deploy: Deploy, key: str
) -> None:
    engine = deploy(DEPLOYED, PROD_SECRETS | {f"betterAuthSecret{key}": "o" * 32})
    assert signing_keys(engine) == {
        "better-auth-secret": PROD_SECRETS["betterAuthSecret"],
        f"better-auth-secret-{key.lower()}": "o" * 32,
    }


def test_an_external_database_brings_no_database_objects(deploy: Deploy) -> None:
    engine = deploy(DEPLOYED, PROD_SECRETS)
    assert engine.of_kind("StatefulSet") == {}
    assert engine.of_kind("PersistentVolumeClaim") == {}


def test_the_embedded_database_stays_small(deploy: Deploy) -> None:
    engine = deploy(LOCAL)
    container = engine.container("postgres")
    requests = container["resources"]["requests"]
    assert (requests["cpu"], requests["memory"]) == ("100m", "192Mi")
    claim = engine.only("PersistentVolumeClaim", "postgres")
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"


def test_services_skip_pulumis_wait_and_deployments_do_not(deploy: Deploy) -> None:
    engine = deploy(LOCAL)
    for name, inputs in engine.of_kind("Service").items():
        assert inputs["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true", name
    for name, inputs in engine.of_kind("Deployment").items():
        assert "pulumi.com/skipAwait" not in inputs["metadata"]["annotations"], (
            f"{name} carries the wait for both"
        )


def test_a_load_balancer_is_waited_for_because_its_address_is_the_url(deploy: Deploy) -> None:
    engine = deploy(merged(LOCAL, {"frontend": {"service": {"type": "LoadBalancer"}}}))
    annotations = engine.only("Service", "frontend")["metadata"]["annotations"]
    assert "pulumi.com/skipAwait" not in annotations


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ({"hostname": "lb.example.com"}, "http://lb.example.com:3000"),
        ({"ip": "192.0.2.1"}, "http://192.0.2.1:3000"),
        ({"ip": "2001:db8::1"}, "http://[2001:db8::1]:3000"),
    ],
)
def test_the_url_of_a_load_balancer_is_one_for_a_browser(
    deploy: Deploy, entry: dict[str, str], url: str
) -> None:
    class Balanced(Engine):
        def new_resource(
            self, args: pulumi.runtime.MockResourceArgs
        ) -> tuple[str | None, dict[Any, Any]]:
            name, outputs = super().new_resource(args)
            return name, outputs | {"status": {"loadBalancer": {"ingress": [entry]}}}

    service = {"frontend": {"service": {"type": "LoadBalancer"}}}
    engine = deploy(merged(LOCAL, service), engine=Balanced())
    assert engine.inputs["outputs"]["url"] == url


@pytest.mark.parametrize(
    ("rollout", "seconds"),
    [
        ({}, 70),
        ({"replicas": 5, "strategy": {"maxUnavailable": 0, "maxSurge": 2}}, 3 * 70),
        *more(
            ({"rolloutDeadlineSeconds": 30}, 30),
            ({"replicas": 1, "strategy": {"maxUnavailable": 0}}, 70),
            ({"replicas": 4, "strategy": {"maxUnavailable": "25%", "maxSurge": 0}}, 4 * 70),
        ),
    ],
)
def test_an_update_fails_when_its_deadline_has_passed_for_each_group_of_pods(
    deploy: Deploy, rollout: dict[str, Any], seconds: int
) -> None:
    room = {"cluster": {"node": {"cpu": "8", "memory": "16Gi"}}, "database": {"poolSize": 4}}
    sized = {"backend": rollout, **room}
    given = deploy(merged(LOCAL, sized)).options["taskflow-backend-deployment"]
    assert given["update_timeout"] == f"{seconds}s", "the provider's own is ten minutes"


def test_a_database_that_does_not_start_is_reported_before_ten_minutes(deploy: Deploy) -> None:
    given = deploy(LOCAL).options["taskflow-postgres-statefulset"]
    assert given["update_timeout"] == "240s"


def test_a_database_pod_that_cannot_start_is_replaced_by_a_corrected_one(deploy: Deploy) -> None:
    spec = deploy(LOCAL).only("StatefulSet", "postgres")["spec"]
    assert spec["podManagementPolicy"] == "Parallel", "in order, the broken pod is waited for"


def test_the_stack_file_wins_over_what_others_wrote_into_its_objects(deploy: Deploy) -> None:
    engine = deploy(LOCAL)
    names = [name for name, typ in engine.types.items() if typ.startswith("kubernetes:")]
    assert len(names) > 10
    for name in names:
        annotations = engine.inputs[name]["metadata"]["annotations"]
        assert annotations["pulumi.com/patchForce"] == "true", (
            f"{name}: server-side apply would refuse to take over a field from kubectl or an autoscaler"
        )
        assert annotations["pulumi.com/patchFieldManager"] == "pulumi-kubernetes", (
            f"{name}: under a name made up anew, what the stack file drops would remain"
        )


def test_a_volume_that_is_kept_keeps_its_namespace_and_password_too(deploy: Deploy) -> None:
    def kept(values: dict[str, Any]) -> set[str]:
        options = deploy(values).options
        return {name for name, chosen in options.items() if chosen["retainOnDelete"]}

    assert kept(LOCAL) == set()
    assert kept(merged(LOCAL, {"database": {"embedded": {"keep": True}}})) == {
        "taskflow-namespace",
        "taskflow-postgres-data",
        "taskflow-postgres-secret",
    }


def test_the_database_runs_as_a_user_that_is_nobody_on_the_node(deploy: Deploy) -> None:
    def user_of(values: dict[str, Any]) -> int:
        pod = deploy(values).pod("postgres")
        security = pod["securityContext"]
        assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"]
        return int(security["runAsUser"])

    assert user_of(LOCAL) > 10000
    older = merged(LOCAL, {"database": {"embedded": {"user": 999}}})
    assert user_of(older) == 999, "the owner of the files on a volume that is there already"


def test_the_statefulset_has_a_headless_service_and_clients_have_one_with_an_address(
    deploy: Deploy,
) -> None:
    engine = deploy(LOCAL)
    services = {
        inputs["metadata"]["name"]: inputs["spec"] for inputs in engine.of_kind("Service").values()
    }
    governing = engine.only("StatefulSet", "postgres")["spec"]["serviceName"]
    assert services[governing]["clusterIP"] == "None"
    for_clients = "taskflow-postgres"
    assert f"@{for_clients}:5432/" in str(engine.only("Secret", "config"))
    assert "clusterIP" not in services[for_clients]
    assert services[for_clients]["selector"] == services[governing]["selector"]


def test_the_backend_is_reached_inside_the_cluster_only(deploy: Deploy) -> None:
    spec = deploy(LOCAL).only("Service", "backend")["spec"]
    assert spec["type"] == "ClusterIP"
    assert spec["ports"] == [{"name": "http", "port": 8000, "targetPort": "http"}]


def test_port_and_target_port_may_differ(deploy: Deploy) -> None:
    engine = deploy(merged(LOCAL, {"backend": {"service": {"port": 80, "targetPort": 8080}}}))
    assert engine.only("Service", "backend")["spec"]["ports"][0]["port"] == 80
    container = engine.container("backend")
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert engine.env("backend")["PORT"] == "8080", (
        "the process must listen where the Service points"
    )
    assert engine.only("ConfigMap", "config")["data"]["BACKEND_URL"] == "http://taskflow-backend:80"


def test_autoscaling_leaves_the_replicas_field_to_the_autoscaler(deploy: Deploy) -> None:
    engine = deploy(
        merged(
            LOCAL,
            {
                "backend": {"autoscaling": {"min": 2, "max": 3, "cpu": 60}},
                "cluster": {"node": {"cpu": "4"}},
            },
        )
    )
    assert "replicas" not in engine.only("Deployment", "backend")["spec"]
    spec = engine.only("HorizontalPodAutoscaler", "backend")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 3)
    assert spec["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "taskflow-backend",
    }
    assert spec["behavior"] == {"scaleDown": {"stabilizationWindowSeconds": 300}}


def test_an_ingress_exists_only_when_configured_and_routes_to_the_frontend(deploy: Deploy) -> None:
    assert deploy(LOCAL).of_kind("Ingress") == {}
    engine = deploy(DEPLOYED, PROD_SECRETS)
    spec = engine.only("Ingress", "frontend")["spec"]
    assert spec["tls"] == [{"hosts": ["taskflow.example.com"], "secretName": "taskflow-tls"}]
    (path,) = spec["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "taskflow-frontend", "port": {"name": "http"}}
    assert engine.inputs["outputs"]["url"] == "https://taskflow.example.com"


def test_pods_stop_after_their_endpoints_are_gone(deploy: Deploy) -> None:
    pod = deploy(LOCAL).pod("backend")
    sleep = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep + 10 < pod["terminationGracePeriodSeconds"], (
        "preStop and drain must end before the kill"
    )


def test_a_drained_node_takes_one_pod_unless_configured_otherwise(deploy: Deploy) -> None:
    def budget(values: dict[str, Any]) -> dict[str, Any]:
        return dict(deploy(merged(LOCAL, values)).only("PodDisruptionBudget", "backend")["spec"])

    selector = {"matchLabels": {"app": "taskflow", "component": "backend"}}
    always = {"selector": selector, "unhealthyPodEvictionPolicy": "AlwaysAllow"}
    assert budget({}) == {"maxUnavailable": 1, **always}
    least = {"backend": {"disruptionBudget": {"minAvailable": 1}}}
    assert budget(least) == {"minAvailable": 1, **always}
    none = {"backend": {"disruptionBudget": None}, "frontend": {"disruptionBudget": None}}
    assert deploy(merged(LOCAL, none)).of_kind("PodDisruptionBudget") == {}


def test_images_from_a_registry_are_confirmed_by_it_and_minikubes_own_are_not_asked_for(
    deploy: Deploy,
) -> None:
    own = deploy(LOCAL).container("backend")
    assert own["imagePullPolicy"] == "IfNotPresent"
    pulled = deploy(DEPLOYED, PROD_SECRETS).container("backend")
    assert pulled["imagePullPolicy"] == "Always"


@pytest.mark.parametrize(
    ("images", "platform"),
    [
        ({}, "linux/amd64"),
        ({"platform": "linux/arm64"}, "linux/arm64"),
    ],
)
def test_a_pushed_tag_means_the_same_platform_whoever_builds_it(
    deploy: Deploy, images: dict[str, str], platform: str
) -> None:
    engine = deploy(merged(DEPLOYED, {"images": images}), PROD_SECRETS)
    assert engine.inputs["taskflow-backend-image"]["build"]["platform"] == platform


def test_an_image_for_a_daemon_of_this_machine_names_its_platform(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the plugin prints a note for each image, in each run."""
    monkeypatch.setattr("components.image_build.machine", lambda: "aarch64")
    engine = deploy(merged(LOCAL, {"release": "arm"}))  # No other test has deployed it.
    assert engine.inputs["arm-backend-image"]["build"]["platform"] == "linux/arm64"


def test_pods_prefer_to_be_spread_and_must_be_when_required(deploy: Deploy) -> None:
    def spread(values: dict[str, Any]) -> dict[str, Any]:
        pod = deploy(merged(LOCAL, values)).pod("backend")
        (constraint,) = pod["topologySpreadConstraints"]
        return dict(constraint)

    assert spread({})["whenUnsatisfiable"] == "ScheduleAnyway"
    zones = {"key": "topology.kubernetes.io/zone", "required": True}
    required = spread({"backend": {"topologySpread": zones}})
    assert required["topologyKey"] == "topology.kubernetes.io/zone"
    assert required["whenUnsatisfiable"] == "DoNotSchedule"
    assert required["nodeTaintsPolicy"] == "Honor", "else a drained node would keep pods waiting"


def test_an_issuer_fills_the_releases_own_tls_secret(deploy: Deploy) -> None:
    tls = {"ingress": {"tls": {"secret": None, "issuer": "letsencrypt"}}}
    ingress = deploy(merged(DEPLOYED, tls), PROD_SECRETS).only("Ingress", "frontend")
    assert ingress["spec"]["tls"][0]["secretName"] == "taskflow-tls"
    annotations = ingress["metadata"]["annotations"]
    assert annotations["cert-manager.io/cluster-issuer"] == "letsencrypt"


def test_a_mirror_serves_base_images_and_postgres(deploy: Deploy) -> None:
    engine = deploy(merged(LOCAL, {"images": {"mirror": "mirror.example.com/library"}}))
    postgres = engine.container("postgres")
    assert postgres["image"] == "mirror.example.com/library/postgres:17"
    for name, image in engine.of_kind("Image").items():
        base = image["build"]["args"]["BASE_IMAGE"]
        assert base == "mirror.example.com/library/scratch:1", name


def test_the_pool_size_reaches_the_backend_only_when_set(deploy: Deploy) -> None:
    assert "DATABASE_POOL_SIZE" not in deploy(LOCAL).env("backend")
    engine = deploy(merged(LOCAL, {"database": {"poolSize": 4}}))
    assert engine.env("backend")["DATABASE_POOL_SIZE"] == "4"


def test_every_container_leaves_its_last_words_in_its_status(deploy: Deploy) -> None:
    engine = deploy(LOCAL)
    for component in ("backend", "frontend", "postgres"):
        container = engine.container(component)
        assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
