"""Stand-in for pulumi-random: passwords, strings, identifiers and bytes from the `secrets` module."""

import base64
import secrets
import string
from typing import Any

from pulumi.provider.experimental import provider as p

from airgap.plugins.serve import UNKNOWN, Object, PluginError, plain_map, serve, wrapped

DEFAULTS: Object = {
    "special": True,
    "upper": True,
    "lower": True,
    "numeric": True,
    "number": True,
    "minSpecial": 0,
    "minUpper": 0,
    "minLower": 0,
    "minNumeric": 0,
    "overrideSpecial": "",
    "prefix": "",
    "keepers": {},
}
OUTPUTS: dict[str, dict[str, bool]] = {  # name: is it a secret
    "RandomPassword": {"result": True},
    "RandomString": {"result": False},
    "RandomId": {"b64Std": False, "b64Url": False, "dec": False, "hex": False},
    "RandomBytes": {"base64": True, "hex": True},
}


def random_text(inputs: Object) -> str:
    """Characters from the chosen alphabets, each at least as often as its `min` asks."""
    options = DEFAULTS | inputs
    alphabets = {
        "Lower": string.ascii_lowercase,
        "Upper": string.ascii_uppercase,
        "Numeric": string.digits,
        "Special": options["overrideSpecial"] or "!@#$%&*()-_=+[]{}<>:?",
    }
    wanted = {name: alphabet for name, alphabet in alphabets.items() if options[name.lower()]}
    if "number" in inputs and not inputs["number"]:
        wanted.pop("Numeric", None)
    chosen = [
        secrets.choice(alphabet)
        for name, alphabet in wanted.items()
        for _ in range(options[f"min{name}"])
    ]
    missing = int(inputs["length"]) - len(chosen)
    if missing < 0 or not wanted:
        raise PluginError(
            f"length {inputs['length']} is less than the minimum numbers of characters ask for, "
            "or no kind of character is allowed; raise `length` or allow one"
        )
    chosen += [secrets.choice("".join(wanted.values())) for _ in range(missing)]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)


def generate(kind: str, inputs: Object) -> tuple[str, Object]:
    """The resource's id and its generated outputs, as pulumi-random names them."""
    if kind in ("RandomPassword", "RandomString"):
        text = random_text(inputs)
        return ("none" if kind == "RandomPassword" else text), {"result": text}
    raw = secrets.token_bytes(int(inputs["byteLength" if kind == "RandomId" else "length"]))
    if kind == "RandomBytes":
        return "none", {"base64": base64.b64encode(raw).decode(), "hex": raw.hex()}
    prefix = inputs.get("prefix", "")
    url = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    forms = {
        "b64Std": base64.b64encode(raw).decode(),
        "b64Url": url,
        "dec": str(int.from_bytes(raw, "big")),
        "hex": raw.hex(),
    }
    return url, {name: prefix + form for name, form in forms.items()}


def changed(old: Object, new: Object) -> list[str]:
    """The inputs whose change makes a new value; a default spelled out is no change."""

    def value(source: Object, key: str) -> Any:
        return source.get(key, DEFAULTS.get(key))

    asked = {*new, *(key for key in old if key in (*DEFAULTS, "length", "byteLength"))}
    return sorted(key for key in asked if value(old, key) != value(new, key))


class RandomProvider(p.Provider):
    async def configure(self, request: p.ConfigureRequest) -> p.ConfigureResponse:
        return p.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def check(self, request: p.CheckRequest) -> p.CheckResponse:
        kind = request.type.split(":")[-1]
        if kind not in OUTPUTS:
            raise PluginError(f"this stand-in makes {', '.join(OUTPUTS)}; it has no {kind}")
        return p.CheckResponse(inputs=request.new_inputs)

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        keys = changed(plain_map(request.old_state), plain_map(request.new_inputs))
        kind = p.PropertyDiff(p.PropertyDiffKind.UPDATE_REPLACE, input_diff=True)
        return p.DiffResponse(
            changes=bool(keys), replaces=keys, detailed_diff=dict.fromkeys(keys, kind)
        )

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        kind = request.type.split(":")[-1]
        is_secret = OUTPUTS[kind]
        if request.preview:
            resource_id, made = "", dict.fromkeys(is_secret, UNKNOWN)
        else:
            resource_id, made = generate(kind, plain_map(request.properties))
        outputs = {key: wrapped(made[key]).with_secret(is_secret[key]) for key in made}
        return p.CreateResponse(resource_id, {**request.properties, **outputs})

    async def delete(self, request: p.DeleteRequest) -> None:
        """Nothing exists outside the state."""


if __name__ == "__main__":
    serve(RandomProvider(), "pulumi_random")
