"""Every change of a running release: no request fails, on old connections or on new ones."""

from pathlib import Path
from typing import Any

from tests.live_release import LiveRelease, changed, docker
from tests.reliability.conftest import VALUES, Record
from tests.reliability.person import Person
from tests.reliability.traffic import traffic

KINDS = ("backend", "frontend", "both")


def next_image(component: str) -> str:
    return f"taskflow-{component}:next-of-the-tests"


def revision(number: int) -> dict[str, Any]:
    """Differs from the revision before in one thing in turn: the backend's image, the frontend's, what both read."""
    counts = [(number + len(KINDS) - place) // len(KINDS) for place in range(1, len(KINDS) + 1)]
    changes = dict(zip(KINDS, counts, strict=True))
    both = changes.pop("both")
    next_ones = [component for component, count in changes.items() if count % 2]
    images = {component: {"ref": next_image(component)} for component in next_ones}
    return changed(VALUES, images=images) | {"logLevel": ("info", "warning")[both % 2]}


def build_next(release: LiveRelease, component: str, folder: Path) -> None:
    """The next version of a component: this one with one file more.

    A page's scripts keep their names, other than after an edit of theirs: pods of one version do not have the other's.
    """
    (pod, *_) = release.kubectl.pods(component).values()
    (container,) = pod["spec"]["containers"]
    (folder / "next").touch()
    (folder / "Dockerfile").write_text(f"FROM {container['image']}\nCOPY next .\n")
    docker("build", "--tag", next_image(component), str(folder))


def test_no_request_fails_while_releases_follow_each_other(
    release: LiveRelease, person: Person, full: bool, record: Record, tmp_path: Path
) -> None:
    for component in ("backend", "frontend"):
        build_next(release, component, tmp_path)
    release.stack.configure(revision(0))
    release.stack.up()
    rollouts = 20 if full else 3
    with traffic(person) as results:
        for number in range(1, rollouts + 1):
            kind = KINDS[(number - 1) % len(KINDS)]
            expected = {"backend", "frontend"} if kind == "both" else {kind}
            assert release.update(revision(number)) == expected
    record(f"{rollouts} rollouts in a row of backend, frontend and what both read", results)
    assert [result.failed for result in results] == [0, 0, 0, 0], "\n".join(map(str, results))
