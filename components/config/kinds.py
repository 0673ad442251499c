"""The kinds of text in a stack file: what each may be, by its consumer's rules, and how errors describe it."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

EXPECTED = "expected"
"""The type of pydantic's errors whose message is what was expected, in words."""

LAST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Annotation of a text (or of a number that is kept as one).

    Args:
        words: what an error says was expected.
        short: its name in the reference.
        pattern: the whole text must match it.
        most: how many characters it may have.
        accepts: a finer rule that a pattern cannot express.
        numbers: whether a number counts as its digits, as in `cpu: 0.5`.
    """

    words: str
    short: str
    pattern: str
    most: int | None = None
    accepts: Callable[[str], bool] = lambda _: True
    numbers: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        text = {**handler(schema), "pattern": rf"^({self.pattern})$"}
        if self.most:
            text["maxLength"] = self.most
        return {"anyOf": [{"type": "number"}, text]} if self.numbers else text

    def matches(self, text: str) -> bool:
        """Whether a text is of this kind, whatever its length."""
        return bool(re.fullmatch(self.pattern, text)) and self.accepts(text)

    def _checked(self, value: Any) -> str:
        if self.numbers and isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and self.matches(value):
            if self.most is None or len(value) <= self.most:
                return value
            raise PydanticCustomError(EXPECTED, "at most {most} characters", {"most": self.most})
        raise PydanticCustomError(EXPECTED, "{words}", {"words": self.words})


def of_annotation(annotation: Any) -> Kind | None:
    """The kind in a type's annotation, or in that of one of its choices."""
    for part in (*getattr(annotation, "__metadata__", ()), *getattr(annotation, "__args__", ())):
        found = part if isinstance(part, Kind) else of_annotation(part)
        if found:
            return found
    return None


# Kubernetes' names: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
# Of labels and annotations.
_QUALIFIED = rf"({_SUBDOMAIN}/)?[a-zA-Z0-9]([-_.a-zA-Z0-9]{{0,61}}[a-zA-Z0-9])?"
_RULE = "lower-case letters, digits and dashes"
# Kubernetes allows 63 characters in the name of a Service (the longest is `<release>-postgres-headless`) and in a label
# (a StatefulSet's revision: `<release>-postgres-` and 10 digits), 52 in the name of a CronJob (`<release>-backup`). The
# name of a Service may not start with a digit.
ReleaseName = Annotated[
    str,
    Kind(
        words=f"{_RULE}, starting with a letter",
        short="name",
        pattern=r"[a-z]([-a-z0-9]*[a-z0-9])?",
        most=40,
    ),
]
DnsLabel = Annotated[
    str,
    Kind(words=f"{_RULE}, without a dash at either end", short="name", pattern=_LABEL, most=63),
]
DnsSubdomain = Annotated[
    str,
    Kind(
        words=f"an object's name: {_RULE}, in parts between dots",
        short="name",
        pattern=_SUBDOMAIN,
        most=253,
    ),
]
# Least, most and names of each field: https://github.com/robfig/cron/blob/v3.0.1/spec.go
_CRON_FIELDS = (
    (0, 59, ""),
    (0, 23, ""),
    (1, 31, ""),
    (1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    (0, 6, "sun mon tue wed thu fri sat"),
)
_CRON_FIELD = r"[*?0-9a-zA-Z][-*?/,0-9a-zA-Z]*"


def _is_schedule(text: str) -> bool:
    return text.startswith("@") or all(
        _is_cron_range(item, *bounds)
        for field, bounds in zip(text.split(), _CRON_FIELDS, strict=True)
        for item in field.split(",")
    )


def _is_cron_range(text: str, least: int, most: int, names: str) -> bool:
    match = re.fullmatch(r"([*?]|(\w+)(-(\w+))?)(/0*[1-9][0-9]{0,8})?", text, re.ASCII)
    if match is None:
        return False
    known = {name: number for number, name in enumerate(names.split(), least)}
    known |= {
        str(number).zfill(width): number for number in range(least, most + 1) for width in (1, 2)
    }
    first, last = match[2] or str(least), match[4] or match[2] or str(most)
    ends = [known.get(end.lower(), -1) for end in (first, last)]
    return least <= ends[0] <= ends[1]


# https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
Schedule = Annotated[
    str,
    Kind(
        words="a time in cron's five fields (30 2 * * *, the last one 0 to 6 from Sunday), or @daily",
        short="schedule",
        pattern=rf"{_CRON_FIELD}( +{_CRON_FIELD}){{4}}|@(yearly|annually|monthly|weekly|daily|midnight|hourly)",
        accepts=_is_schedule,
    ),
]

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _has_checksum(key: str) -> bool:
    """https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki#checksum"""
    name = [ord(letter) for letter in "age"]
    check = 1
    for value in (
        *(code >> 5 for code in name),
        0,
        *(code & 31 for code in name),
        *(_BECH32.index(letter) for letter in key.removeprefix("age1")),
    ):
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, part in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= part if top >> bit & 1 else 0
    return check == 1


PublicKey = Annotated[
    str,
    Kind(
        words="a public key of age (age1...), whole and without a typing error",
        short="public key",
        # The 32 bytes of a key end in the first bit of the letter before its checksum of six.
        pattern=rf"age1[{_BECH32}]{{51}}[qs][{_BECH32}]{{6}}",
        accepts=_has_checksum,
    ),
]
NotEmpty = Annotated[
    str, Kind(words="a text of one line that is not empty", short="text", pattern=r".*\S.*")
]
# https://github.com/kubernetes/minikube/blob/v1.38.1/pkg/minikube/config/profile.go
_PROFILE_PART = r"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?"
ProfileName = Annotated[
    str,
    Kind(
        words="a Minikube profile: two or more letters, digits and dashes, in parts between dots, without a dash at "
        "either end",
        short="name",
        pattern=rf"{_PROFILE_PART}(\.{_PROFILE_PART})*",
        most=63,
        accepts=lambda text: len(text) > 1,
    ),
]


def _is_named(host: str) -> bool:
    """Whether browsers look a host up; they read one that ends in a number as an IPv4 address, or refuse it.

    https://url.spec.whatwg.org/#ends-in-a-number-checker
    """
    numeric = re.search(r"(\A|\.)([0-9]+|0x[0-9a-f]*)\Z", host)
    return not numeric and all(map(_is_readable, host.split(".")))


def _is_readable(part: str) -> bool:
    """Whether a part has other letters if it starts as their spelling does (xn--): browsers refuse it otherwise."""
    if not part.startswith("xn--"):
        return True
    try:
        return part.removeprefix("xn--").encode().decode("punycode").isprintable()
    except UnicodeError:
        return False


_HOST_PART = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_HOST_NAME = rf"{_HOST_PART}(\.{_HOST_PART})*"
HostName = Annotated[
    str,
    Kind(
        words="a host name such as taskflow.example.com, in lower case and ASCII (xn--... for other letters), without "
        "scheme, port or wildcard",
        short="host name",
        pattern=_HOST_NAME,
        most=253,
        accepts=_is_named,
    ),
]
HostPattern = Annotated[
    str,
    Kind(
        words="a host name such as taskflow.example.com or *.example.com, in lower case and ASCII (xn--... for other "
        "letters), without scheme and port",
        short="host name",
        pattern=rf"(\*\.)?{_HOST_NAME}",
        most=253,
        accepts=_is_named,
    ),
]


def _qualified(words: str, pattern: str = _QUALIFIED) -> Kind:
    return Kind(
        words=words,
        short="text",
        pattern=pattern,
        most=317,
        accepts=lambda text: len(text.rpartition("/")[0]) <= 253,
    )


# Kubernetes compares an annotation's domain in lower case.
AnnotationName = Annotated[
    str,
    _qualified(
        "an annotation's name such as example.com/name", _QUALIFIED.replace("a-z0-9", "a-zA-Z0-9")
    ),
]
LabelName = Annotated[str, _qualified("a label's name such as example.com/pool")]
LabelValue = Annotated[
    str,
    Kind(
        words="a label's value: letters, digits, dashes, dots and _, starting and ending with a letter or digit",
        short="text",
        pattern=r"([a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?)?",
        most=63,
    ),
]
DataKey = Annotated[
    str,
    Kind(
        words="a key of a ConfigMap or Secret such as ca.crt",
        short="text",
        pattern=r"[-._a-zA-Z0-9]+",
        most=253,
        accepts=lambda text: text != "." and not text.startswith(".."),
    ),
]
SecretName = Annotated[
    str,
    Kind(
        words="a name in letters and digits such as smtpPassword",
        short="name",
        pattern=r"[a-z][a-zA-Z0-9]*",
        most=63,
    ),
]
VariableName = Annotated[
    str,
    Kind(
        words="the name of a variable in upper-case letters, digits and _",
        short="text",
        pattern=r"[A-Z_][A-Z0-9_]*",
    ),
]

# https://github.com/distribution/reference/blob/v0.6.0/regexp.go. A first part without dot or port is not a host but
# an account at Docker Hub, in lower case like the rest.
_HOST_WORD = r"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?"
_HOST = "|".join(
    (
        rf"{_HOST_WORD}(\.{_HOST_WORD})+(:[0-9]+)?",
        rf"{_HOST_WORD}:[0-9]+",
        "localhost",
        r"\[[0-9a-fA-F:]+\](:[0-9]+)?",
    )
)
_PATH_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_PATH = rf"{_PATH_PART}(/{_PATH_PART})*"
_TAG = r":[a-zA-Z0-9_][-.a-zA-Z0-9_]{0,127}"
_DIGEST = r"@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})"


def _is_reference(text: str) -> bool:
    name = re.sub(rf"{_TAG}\Z", "", text.partition("@")[0])
    return len(name) <= 255 and ("/" not in name or _has_real_port(name))


def _has_real_port(text: str) -> bool:
    """Whether the port of a registry, if it is given, can be one."""
    port = re.search(r":([0-9]+)\Z", text.partition("/")[0])
    return port is None or 1 <= int(port[1]) <= LAST_PORT


ImageReference = Annotated[
    str,
    Kind(
        words="an image reference with a tag or digest (name:tag, name@sha256:...), its name in lower case, a port "
        "from 1 to 65535",
        short="image reference",
        pattern=rf"(({_HOST})/)?{_PATH}({_TAG}({_DIGEST})?|{_DIGEST})",
        accepts=_is_reference,
    ),
]
ImagePrefix = Annotated[
    str,
    Kind(
        words="a registry with its host, such as ghcr.io/acme or docker.io/acme, in lower case, a port from 1 to 65535",
        short="registry",
        pattern=rf"({_HOST})(/{_PATH})?",
        most=200,
        accepts=_has_real_port,
    ),
]


def _is_network(text: str) -> bool:
    """As Kubernetes 1.36 and later take it.

    https://github.com/kubernetes/kubernetes/blob/v1.37.0/staging/src/k8s.io/apimachinery/pkg/util/validation/ip.go
    """
    try:
        network = ipaddress.ip_network(text)
    except ValueError:  # Bits after the prefix are one.
        return False
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return not mapped and not re.search("/0[0-9]", text)


NETWORK = Kind(
    words="a network such as 10.1.0.0/16 (zeros after its prefix), or 10.1.2.3/32 for one address",
    short="network, such as `10.1.0.0/16`",
    pattern=r"[0-9a-fA-F.:]+/[0-9]{1,3}",
    accepts=_is_network,
)
Cidr = Annotated[str, NETWORK]


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").removesuffix(".")
        if not _is_named(host):
            ipaddress.IPv4Address(host)
        return len(host) <= 253 and parts.port != 0
    except ValueError:
        return False


# https://url.spec.whatwg.org/#host-writing
_URL_LABEL = r"[a-zA-Z0-9_]([-a-zA-Z0-9_]{0,61}[a-zA-Z0-9_])?"
_URL_HOST = rf"{_URL_LABEL}(\.{_URL_LABEL})*\.?|\[[0-9a-fA-F:.]+\]"
_ORIGIN = rf"https?://({_URL_HOST})(:[0-9]{{1,5}})?"
BaseUrl = Annotated[
    str,
    Kind(
        words="an address such as https://api.example.com/v1, its host in ASCII (xn--... for other letters), without "
        "user, ? and # (paths are appended to it)",
        short="address",
        pattern=rf"{_ORIGIN}(/[^\s?#]*)?",
        accepts=_is_base_url,
    ),
]


def _is_bucket(text: str) -> bool:
    name, *folders = text.removeprefix("s3://").split("/")
    reserved = name.startswith(("xn--", "sthree-", "amzn-s3-demo-"))
    address = re.fullmatch(r"([0-9]+\.){3}[0-9]+", name)
    return not reserved and not address and ".." not in name and not {".", ".."} & {*folders}


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; the folder needs no encoding.
BucketAddress = Annotated[
    str,
    Kind(
        words="a bucket's address such as s3://acme-backups/taskflow/: a name of lower-case letters, digits, dashes "
        "and dots, and folders of these, capitals and _",
        short="address",
        pattern=r"s3://[a-z0-9][-.a-z0-9]{1,61}[a-z0-9](/[-._a-zA-Z0-9]+)*/?",
        most=500,
        accepts=_is_bucket,
    ),
]
# A browser's Origin header, which this is compared with, is in lower case and has no path.
Origin = Annotated[
    str,
    Kind(
        words="an address such as https://taskflow.example.com, in lower case and ASCII (xn--... for other letters), "
        "without path, user or / at its end",
        short="address",
        pattern=_ORIGIN,
        accepts=lambda text: _is_base_url(text) and text == text.lower(),
    ),
]
