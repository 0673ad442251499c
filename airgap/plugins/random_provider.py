"""Stand-in for pulumi-random's `RandomPassword`, from the `secrets` module."""

import secrets
import string

from pulumi.provider.experimental import provider as p

from airgap.plugins.serve import UNKNOWN, Object, PluginError, plain_map, serve, wrapped

INPUTS = {"length", "special"}
SPECIAL = "!@#$%&*()-_=+[]{}<>:?"


def password(inputs: Object) -> str:
    special = SPECIAL if inputs.get("special", True) else ""
    letters = string.ascii_letters + string.digits + special
    return "".join(secrets.choice(letters) for _ in range(inputs["length"]))


class RandomProvider(p.Provider):
    async def check(self, request: p.CheckRequest) -> p.CheckResponse:
        unknown = {*request.new_inputs} - INPUTS
        if request.type.split(":")[-1] != "RandomPassword" or unknown:
            raise PluginError(
                f"this stand-in makes RandomPasswords of a length, special or not; it has no "
                f"{', '.join(unknown) or request.type}"
            )
        return p.CheckResponse(inputs=request.new_inputs)

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        old, new = plain_map(request.old_state), plain_map(request.new_inputs)
        keys = sorted(key for key in INPUTS if old.get(key) != new.get(key))
        kind = p.PropertyDiff(p.PropertyDiffKind.UPDATE_REPLACE, input_diff=True)
        return p.DiffResponse(
            changes=bool(keys), replaces=keys, detailed_diff=dict.fromkeys(keys, kind)
        )

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        result = UNKNOWN if request.preview else password(plain_map(request.properties))
        outputs = {**request.properties, "result": wrapped(result).with_secret(True)}
        return p.CreateResponse("none", outputs)

    async def delete(self, request: p.DeleteRequest) -> None:
        """Nothing exists outside the state."""


if __name__ == "__main__":
    serve(RandomProvider(), "pulumi_random")
