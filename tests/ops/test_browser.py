"""Where the browser of the browser tests comes from."""

from pathlib import Path

import pytest

from ops.errors import OpsError
from tests.machinery.browser import PLAYWRIGHT_SITE, Browser, Source, choose
from tests.ops.machines import MadeUpMachine

APT = {"apt-get": [Path("/usr/bin/apt-get")]}


def test_an_installed_browser_is_used() -> None:
    chrome = Path("/usr/bin/google-chrome")
    machine = MadeUpMachine(installed={"google-chrome": [chrome]}, web={PLAYWRIGHT_SITE: ""})
    assert choose(machine) == Browser(Source.PATH, chrome)


def test_a_machine_on_the_internet_gets_the_browser_that_playwright_was_tested_with() -> None:
    machine = MadeUpMachine(installed=APT, web={PLAYWRIGHT_SITE: ""})
    assert choose(machine) == Browser(Source.PLAYWRIGHT)


def test_a_machine_that_reaches_package_mirrors_only_gets_debians_browser() -> None:
    assert choose(MadeUpMachine(installed=APT)) == Browser(Source.PACKAGE)


def test_a_machine_with_none_of_these_gets_an_error_with_what_is_missing() -> None:
    with pytest.raises(OpsError, match="no Chromium"):
        choose(MadeUpMachine())
