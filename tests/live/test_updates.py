"""What an update without a change does, also with a state or kubeconfig from elsewhere."""

import json
import os
from dataclasses import replace
from pathlib import Path

import yaml

from tests.live.conftest import RELEASE, LiveRelease

PROVIDERS_NOTES = ("__inputs", "__initialApiVersion", "__fieldManager")
"""What the official provider keeps in the state beside an object; this project's former provider did not."""


def test_an_update_without_a_change_touches_nothing(release: LiveRelease) -> None:
    before = release.generations()
    release.stack.up("--expect-no-changes")
    assert release.generations() == before


def test_a_state_that_another_provider_wrote_is_taken_over_without_a_restart_or_a_lost_row(
    release: LiveRelease, tmp_path: Path
) -> None:
    before = release.generations()
    psql = ("exec", f"{RELEASE}-postgres-0", "--", "psql", "--username=taskflow", "-XqAt", "-c")
    release.kubectl(*psql, "create table kept as select 'a row' as content")
    state = json.loads(release.stack.export())
    for resource in state["deployment"]["resources"]:
        if resource["type"].startswith("kubernetes:"):
            for note in PROVIDERS_NOTES:
                resource["outputs"].pop(note, None)
    file = tmp_path / "state.json"
    file.write_text(json.dumps(state))
    release.stack.import_state(file)
    replaced = {step["op"] for step in release.stack.preview()}
    assert "replace" in replaced, "the provider would replace what it does not know"

    release.stack.recover()

    release.stack.up("--expect-no-changes")
    assert release.generations() == before
    assert release.kubectl(*psql, "select content from kept; drop table kept").strip() == "a row"


def test_a_kubeconfig_of_several_files_leads_to_the_same_cluster(
    release: LiveRelease, tmp_path: Path
) -> None:
    """The provider takes its default, $KUBECONFIG, as one path; another path would be a change for each colleague."""
    other = tmp_path / "other"
    other.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config"}))
    usual = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    both = os.pathsep.join([str(other), usual])
    colleague = replace(release.stack, env={**release.stack.env, "KUBECONFIG": both})
    colleague.up("--expect-no-changes")
