"""What the tests of this suite send while something happens: both services, on old connections and on new ones."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.load import Load, Page, Result, under
from tests.reliability.person import Person

BACKEND_RATE = 25  # Requests/s in each of the two modes.
# A pod held to a quarter of a core renders about 8 pages/s, or sends 70 static files, and during a rollout one pod is
# alone for a while: this is half of what it can do.
FRONTEND_RATE = 10
FILES_PER_PAGE = 9  # A browser's first visit: one page and the scripts and styles that it names.


def backend(person: Person, *, keepalive: bool) -> Load:
    """Reads of the API: token, database, JSON."""
    page = Page(f"{person.backend}/api/tasks", lambda: person.authorization)
    return Load("backend", [page], BACKEND_RATE, keepalive=keepalive)


def frontend(person: Person, *, keepalive: bool) -> Load:
    """Visits of the task page: session, database, backend, rendering; and its files."""
    files = files_of(person.tasks_page().text)
    assert len(files) >= FILES_PER_PAGE, f"the task page names {len(files)} files"
    pages = [Page(f"{person.frontend}/tasks", lambda: {"Cookie": person.cookie})]
    pages += [Page(f"{person.frontend}{file}") for file in files[:FILES_PER_PAGE]]
    return Load("frontend", pages, FRONTEND_RATE, keepalive=keepalive)


def files_of(page: str) -> list[str]:
    """The scripts and styles that a page names."""
    return sorted(set(re.findall(r'/_next/static/[^"\\]+\.(?:js|css)', page)))


@contextmanager
def traffic(person: Person) -> Iterator[list[Result]]:
    """All four; the list has their results when the block has ended."""
    modes = (True, False)
    loads = [make(person, keepalive=mode) for make in (backend, frontend) for mode in modes]
    with under(*loads) as results:
        yield results
