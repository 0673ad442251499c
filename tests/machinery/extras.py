"""Programs that only tests and measurements call: those that PATH lacks are built from their Go modules."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from ops.errors import OpsError
from ops.paths import STAND_INS
from ops.prepare.tools import airgap, link


def provide(*programs: str, env: Mapping[str, str]) -> None:
    """Build those that are not there.

    Raises:
        OpsError: if one is neither there nor can be built.
    """
    for program in programs:
        if not shutil.which(program, path=env.get("PATH")):
            if not shutil.which("go", path=env.get("PATH")):
                raise OpsError(
                    f"there is neither {program} nor a Go compiler to build it with",
                    fix=f"install {program}, or Go 1.26",
                )
            airgap("tools", program, env=env)
            link(program, STAND_INS / program, needed=True)
