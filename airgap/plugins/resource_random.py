"""Stand-in for pulumi-random's `RandomPassword`, from the `secrets` module."""

import secrets
import string

from pulumi.provider.experimental import provider as p
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime.rpc import UNKNOWN

from airgap.plugins.serve import PluginError, plain, serve_provider

LETTERS = string.ascii_letters + string.digits


def password(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))


class RandomProvider(p.Provider):
    async def check(self, request: p.CheckRequest) -> p.CheckResponse:
        inputs = plain(request.new_inputs)
        known = request.type.endswith(":RandomPassword") and inputs.keys() == {"length", "special"}
        if not known or inputs["special"]:
            text = "this stand-in makes a RandomPassword of letters and digits, by its length alone"
            raise PluginError(f"{text}; it does not know {request.type} by {', '.join(inputs)}")
        return p.CheckResponse(inputs=request.new_inputs)

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        same = request.old_state["length"] == request.new_inputs["length"]
        return p.DiffResponse(replaces=[] if same else ["length"])

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        length = int(plain(request.properties)["length"])
        made = UNKNOWN if request.preview else password(length)
        result = PropertyValue(made, is_secret=True)
        return p.CreateResponse("none", request.properties | {"result": result})

    async def delete(self, request: p.DeleteRequest) -> None:
        """Nothing exists outside the state."""


if __name__ == "__main__":
    serve_provider(RandomProvider(), "pulumi_random")
