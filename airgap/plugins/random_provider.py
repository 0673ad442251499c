"""Stand-in for pulumi-random's `RandomPassword`, from the `secrets` module."""

import secrets
import string

from pulumi.provider.experimental import provider as p
from pulumi.runtime.rpc import UNKNOWN

from airgap.plugins.serve import Object, PluginError, plain, serve_provider, wrapped

INPUTS = {"length", "special"}
SPECIAL = "!@#$%&*()-_=+[]{}<>:?"


def password(inputs: Object) -> str:
    letters = string.ascii_letters + string.digits
    letters += SPECIAL if inputs.get("special", True) else ""
    return "".join(secrets.choice(letters) for _ in range(inputs["length"]))


class RandomProvider(p.Provider):
    async def check(self, request: p.CheckRequest) -> p.CheckResponse:
        unknown = ", ".join({*request.new_inputs} - INPUTS)
        if request.type.split(":")[-1] != "RandomPassword" or unknown:
            raise PluginError(
                "this stand-in makes RandomPasswords of a length, special or not; it has no "
                f"{unknown or request.type}"
            )
        return p.CheckResponse(inputs=request.new_inputs)

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        old, new = plain(request.old_state), plain(request.new_inputs)
        keys = [key for key in INPUTS if old.get(key) != new.get(key)]
        kind = p.PropertyDiff(p.PropertyDiffKind.UPDATE_REPLACE, input_diff=True)
        details = dict.fromkeys(keys, kind)
        return p.DiffResponse(changes=bool(keys), replaces=keys, detailed_diff=details)

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        result = UNKNOWN if request.preview else password(plain(request.properties))
        outputs = request.properties | wrapped({"result": result}, "result")
        return p.CreateResponse("none", outputs)

    async def delete(self, request: p.DeleteRequest) -> None:
        """Nothing exists outside the state."""


if __name__ == "__main__":
    serve_provider(RandomProvider(), "pulumi_random")
