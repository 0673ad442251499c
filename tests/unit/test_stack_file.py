"""A stack file is read as the engine reads it: what each spelling means, and what is refused, with file and line."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies

from components.config.check import check_file
from components.config.errors import ConfigError
from components.config.stack_file import StackFile, as_yaml, text_of
from tests.stack_files import stack_files

LOCAL = """\
config:
  taskflow:cluster: {minikube: minikube}
  taskflow:database: {embedded: {}}
  taskflow:secrets: {generate: true}
"""

TEXTS = strategies.text(strategies.characters(exclude_categories=["Cs"])) | strategies.sampled_from(
    ["1e6", "0o17", "~", "<<", "2026-11-23", "yes", " - "]
)
SCALARS = (
    TEXTS | strategies.integers(-(2**63), 2**63 - 1) | strategies.booleans() | strategies.none()
)


def read(text: str) -> StackFile:
    return StackFile.from_text("Pulumi.x.yaml", "x", "taskflow", text)


def value_of(spelling: str) -> Any:
    """What the engine hands over for a spelling inside a block."""
    file = read(f"config:\n  taskflow:backend: {{key: {spelling}}}\n")
    assert file.faults == ()
    return json.loads(file.texts["backend"])["key"]


def mistakes(tmp_path: Path, text: str | bytes) -> list[str]:
    path = tmp_path / "Pulumi.x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        check_file(path)
    except ConfigError as error:
        return list(error.messages)
    return []


@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        ("1e6", 1_000_000),
        ("2.0", 2),
        ("2.50", 2.5),
        (".5", 0.5),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 15),
        ("08", 8),
        ("0b11", 3),
        ("+5", 5),
        ("-0x10", -16),
        ("9223372036854775807", 2**63 - 1),
        ("18446744073709551615", 18446744073709552000),
        ("0x8000000000000001", 9223372036854776000),
        ("18446744073709551616", 18446744073709552000),
        ("1e400", "1e400"),
        pytest.param("9" * 5000, "9" * 5000, id="5000 digits"),
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("On", "On"),
        ("y", "y"),
        ("True", True),
        ("tRue", "tRue"),
        ("~", None),
        ("NULL", None),
        ("'2'", "2"),
        ('"true"', "true"),
        ("!!str 5", "5"),
        ("=", "="),
        ("'2026-11-23'", "2026-11-23"),
        ("2026-11", "2026-11"),
    ],
)
def test_a_scalar_has_the_value_that_yaml_v3_gives_it(spelling: str, value: Any) -> None:
    found = value_of(spelling)
    assert (found, type(found)) == (value, type(value))


def test_a_number_of_64_bits_is_exact_only_where_it_is_a_keys_whole_value() -> None:
    assert read(f"config: {{namespace: {2**64 - 1}}}\n").texts["namespace"] == str(2**64 - 1)


@pytest.mark.parametrize(
    "date",
    [
        "2026-11-23",
        "2026-1-2",
        "2026-11-23T10:00:00Z",
        "2026-11-23 10:00:00.5",
        "2026-11-23   1:02:3",
    ],
)
def test_a_date_without_quotes_is_refused_because_the_engine_would_spell_it_out(
    date: str, tmp_path: Path
) -> None:
    text = f"{LOCAL}  taskflow:backend:\n    env:\n      DAY: {date}\n"
    assert mistakes(tmp_path, text) == [
        f"Pulumi.x.yaml:7: taskflow:backend.env.DAY: {date} is a date to the engine; put it in quotes"
    ]
    assert mistakes(tmp_path, text.replace(date, f'"{date}"')) == []


def test_a_number_under_env_is_refused_as_the_number_that_the_engine_makes_of_it(
    tmp_path: Path,
) -> None:
    (message,) = mistakes(tmp_path, f"{LOCAL}  taskflow:backend: {{env: {{A: 1e6}}}}\n")
    assert message == (
        "Pulumi.x.yaml:5: taskflow:backend.env.A: got 1000000, expected a text: put it in quotes"
    )


@pytest.mark.parametrize(
    "block",
    [
        "  taskflow:backend:\n    replicas: 1\n    replicas: 2\n",
        "  taskflow:backend:\n    env: {A: x,\n      A: y}\n",
        "  taskflow:backend:\n    env: {A: x,\n      'A': y}\n",
        "  taskflow:logLevel: info\n  taskflow:logLevel: debug\n",
        "  aws:region: {x: 1,\n    x: 2}\n",
    ],
)
def test_a_repeated_key_is_refused_at_any_depth_with_both_lines(tmp_path: Path, block: str) -> None:
    found = mistakes(tmp_path, LOCAL + block)
    assert len(found) == 1
    first, second = (6, 7) if "backend" in block else (5, 6)
    assert found[0].startswith(f"Pulumi.x.yaml:{second}: ")
    assert f"is given a second time, first in line {first}" in found[0]


@pytest.mark.parametrize("first", ["release", "taskflow:release", "taskflow:config:release"])
def test_a_key_with_and_without_its_namespace_is_a_repeated_key(tmp_path: Path, first: str) -> None:
    other = "taskflow:release" if first == "release" else "release"
    text = f"{LOCAL}  {first}: bugs\n  {other}: other\n"
    assert mistakes(tmp_path, text) == [
        f"Pulumi.x.yaml:6: {other}: is given a second time, first in line 5 as {first}; "
        "one of the two would be lost"
    ]


def test_a_key_twice_in_a_block_that_is_json_is_refused(tmp_path: Path) -> None:
    text = f'{LOCAL}  taskflow:backend: \'{{"env": {{"A": "1", "A": "2"}}}}\'\n'
    (message,) = mistakes(tmp_path, text)
    assert message.startswith("Pulumi.x.yaml:5: taskflow:backend: the key A is in this JSON twice")


def test_half_of_a_character_in_json_is_refused(tmp_path: Path) -> None:
    text = f'{LOCAL}  backend: \'{{"env": {{"A": "\\ud800", "B": "\\ud83d\\ude00"}}}}\'\n'
    (message,) = mistakes(tmp_path, text)
    assert message.startswith(r"Pulumi.x.yaml:5: taskflow:backend.env.A: has an escape from \ud800")


def test_a_block_may_be_json(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.x.yaml"
    path.write_text(
        LOCAL + '  frontend: \'{"service": {"type": "NodePort", "nodePort": "30180"}}\'\n'
    )
    assert check_file(path).config.frontend.service.node_port == 30180


def test_a_text_at_the_top_stays_one_though_it_looks_like_a_number(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.x.yaml"
    path.write_text(f'{LOCAL}  taskflow:namespace: "2026"\n')
    assert check_file(path).config.namespace_name == "2026"


def test_an_anchor_and_a_merge_are_followed_with_the_lines_of_their_targets(
    tmp_path: Path,
) -> None:
    text = "config:\n  taskflow:backend: &b\n    env: {A: x}\n    preStopSeconds: 3\n"
    text += "  taskflow:frontend:\n    <<: *b\n    preStopSeconds: 4\n"
    file = read(text)
    assert json.loads(file.texts["frontend"]) == {"env": {"A": "x"}, "preStopSeconds": 4}
    assert (file.lines["frontend", "env"], file.lines["frontend", "preStopSeconds"]) == (3, 7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config: {a: *b}\n", "a text that starts with * needs quotes"),
        ("config: &a {b: *a}\n", "the value of *a contains itself"),
        ("config: {<<: 5}\n", "<< needs a block"),
        ("config:\n\ttaskflow:release: x\n", "is not YAML"),
        ("config: {? {a: 1} : x}\n", "a block cannot be a key"),
        ("config: {}\n---\nconfig: {}\n", "a second document starts here"),
        ("%YAML 1.2\n---\nconfig: {}\n", "a YAML directive"),
        ("config: {a: \x01}\n", "is not YAML"),
        ("config: " + "[" * 2000 + "]" * 2000, "blocks in each other"),
        ("config: @a\n", "is not YAML"),
        ("config: {}\n\ufeff", "starts with a byte order mark"),
        ("config: {}\r\n\ufeffencryptionsalt: x\n", "starts with a byte order mark"),
        (f"{LOCAL}encryptionsalt: {{a: b}}\n", "encryptionsalt: expected a text"),
        (f"{LOCAL}secretsprovider: [x]\n", "secretsprovider: expected a text"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
            "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n",
            "aliases make it too large",
        ),
    ],
)
def test_what_the_engine_cannot_read_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (found,) = mistakes(tmp_path, text)
    assert message in found
    assert found.startswith("Pulumi.x.yaml:")
    assert "\n" not in found


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{env: {A: !!int '5'}}", "backend.env.A: has a tag"),
        ("{env: {A: .inf}}", "backend.env.A: .inf is not a number"),
        ("{env: {1: x}}", "backend.env.1: is a key that is not a text; put it in quotes"),
        ("{env: {true: x}}", "backend.env.true: is a key that is not a text"),
        ("{env: {'<<': {A: x}}}", "backend.env.<<: is a merge to the engine even in quotes"),
        ("{'<<': {env: {A: x}}}", "backend.<<: is a merge to the engine even in quotes"),
        ("{env: {A: https://a.b/c?d=e}}", "backend.env.A: has a ? between brackets"),
        ("{env: {A: why?}}", "backend.env.A: has a ? between brackets"),
        (r'{env: {A: "https:\/\/a.b"}}', r"backend.env.A: has the escape \/"),
    ],
)
def test_what_only_go_would_understand_is_refused(tmp_path: Path, value: str, message: str) -> None:
    found = mistakes(tmp_path, f"{LOCAL}  backend: {value}\n")
    assert any(f"Pulumi.x.yaml:5: taskflow:{message}" in line for line in found)


def test_a_question_mark_and_a_backslash_before_a_slash_are_fine_where_the_engine_reads_them(
    tmp_path: Path,
) -> None:
    env = '{A: "https://a.b/c?d=e", B: \'\\/\', C: "\\\\/", D: "é?"}'
    text = (
        f"{LOCAL}  backend: {{env: {env}}}\n  frontend:\n    env:\n      URL: https://a.b/c?d=e\n"
    )
    assert mistakes(tmp_path, text) == []


@pytest.mark.parametrize("start", ["\n", "\n  ", "\t", "\u2028"])
def test_several_lines_whose_start_the_engine_would_lose_are_refused(
    tmp_path: Path, start: str
) -> None:
    value = json.dumps(f"{start}one\ntwo")
    (found,) = mistakes(tmp_path, f"{LOCAL}  backend:\n    env:\n      A: {value}\n")
    assert found.startswith("Pulumi.x.yaml:7: taskflow:backend.env.A: has several lines and starts")
    (found,) = mistakes(tmp_path, f"{LOCAL}  backend:\n    env:\n      A: |\n\n        one\n")
    assert found.startswith("Pulumi.x.yaml:7: taskflow:backend.env.A: has several lines and starts")
    for value in ('"\\tone"', '"one\\n\\ttwo"', '" one\\ntwo"'):
        assert mistakes(tmp_path, f"{LOCAL}  backend: {{env: {{A: {value}}}}}\n") == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('"a\\nb\\e[31m": x', r"a\nb\x1b[31m: unknown key"),
        ('  "a\\rb": x', r"taskflow:a\rb: unknown key"),
        ('  logLevel: "x\\u2028y\\x85z"', r'got "x\u2028y\x85z"'),
    ],
)
def test_no_text_of_a_file_breaks_the_line_of_its_mistake(
    tmp_path: Path, line: str, shown: str
) -> None:
    (found,) = mistakes(tmp_path, f"{LOCAL}{line}\n")
    assert shown in found
    assert found.isprintable()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("config: {}\n# Größe\n".encode("latin-1"), ":2: is not UTF-8: byte 0xf6 at offset 15"),
        ("config: {}\n".encode("utf-16"), ":1: is UTF-16; save it as UTF-8"),
        (b"config: {}\n# \x80\n", ":2: is not UTF-8: byte 0x80 at offset 13"),
    ],
)
def test_another_encoding_is_one_line_with_the_byte(
    tmp_path: Path, data: bytes, message: str
) -> None:
    (found,) = mistakes(tmp_path, data)
    assert found.startswith(f"Pulumi.x.yaml{message}")


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbf" + LOCAL.encode(), LOCAL.replace("\n", "\r\n").encode()]
)
def test_a_byte_order_mark_and_the_line_ends_of_windows_are_read(
    tmp_path: Path, data: bytes
) -> None:
    assert mistakes(tmp_path, data) == []


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^Pulumi\.x\.yaml: cannot be read: "):
        text_of(tmp_path / "Pulumi.x.yaml")


def test_a_folder_or_a_link_to_nothing_is_no_empty_file(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x.yaml").mkdir()
    (tmp_path / "Pulumi.y.yaml").symlink_to("nowhere")
    for name in "xy":
        with pytest.raises(ConfigError, match=rf"^Pulumi\.{name}\.yaml: cannot be read: "):
            check_file(tmp_path / f"Pulumi.{name}.yaml")


@pytest.mark.parametrize("name", ["a b", "größe", "#1", "x" * 101])
def test_a_name_that_the_engine_refuses_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"Pulumi.{name}.yaml"
    path.write_text(LOCAL)
    with pytest.raises(ConfigError, match="a stack's name has at most 100 letters"):
        check_file(path)


@pytest.mark.parametrize("spelling", ["true", "False", "1.5", "two", "' 2'", "'2.0'", "1e30", "~"])
def test_what_is_no_integer_is_refused_as_one(tmp_path: Path, spelling: str) -> None:
    (message,) = mistakes(
        tmp_path,
        f"{LOCAL}  taskflow:database: {{embedded: {{user: {spelling}}}}}\n".replace(
            "  taskflow:database: {embedded: {}}\n", "", 1
        ),
    )
    assert "taskflow:database.embedded.user: got " in message


@pytest.mark.parametrize("spelling", ["3", "3.0", "'3'", "0x3", "3e0"])
def test_an_integer_may_be_spelled_as_yaml_or_as_digits_in_quotes(
    tmp_path: Path, spelling: str
) -> None:
    path = tmp_path / "Pulumi.x.yaml"
    path.write_text(f"{LOCAL}  taskflow:backend: {{preStopSeconds: {spelling}}}\n")
    assert check_file(path).config.backend.pre_stop_seconds == 3


@pytest.mark.parametrize("spelling", ["1", "0", "yes", "'on'", "'True'", "1.0"])
def test_only_true_and_false_are_booleans(tmp_path: Path, spelling: str) -> None:
    found = mistakes(tmp_path, f"{LOCAL}  taskflow:networkPolicies: {{enabled: {spelling}}}\n")
    assert len(found) == 1
    assert "expected true or false" in found[0]


@pytest.mark.exhaustive
@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(data=stack_files())
def test_whatever_is_in_a_file_each_mistake_is_one_line_with_its_place(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for message in mistakes(Path(folder), data):
            assert message.startswith("Pulumi.x.yaml")
            assert len(message.splitlines()) == 1, message


@pytest.mark.parametrize(
    ("config", "level"),
    [
        ("logLevel: debug", "debug"),
        ("taskflow:logLevel: debug", "debug"),
        ("logLevel: {default: debug, description: x}", "debug"),
        ("logLevel: {value: debug}", "debug"),
        ("other:logLevel: debug", "info"),
    ],
)
def test_a_default_of_the_project_file_counts_as_it_does_to_the_engine(
    tmp_path: Path, config: str, level: str
) -> None:
    (tmp_path / "Pulumi.yaml").write_text(f"name: taskflow\nconfig:\n  {config}\n")
    path = tmp_path / "Pulumi.x.yaml"
    path.write_text(LOCAL)
    assert check_file(path).config.log_level == level
    path.write_text(f"{LOCAL}  logLevel: warning\n")
    assert check_file(path).config.log_level == "warning"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        # The engine asks each stack for these, or checks a type in words of its own.
        ("logLevel: {description: x}", ":3: taskflow:logLevel: expected a default, and"),
        ("logLevel: {type: string, default: info}", ":3: taskflow:logLevel: expected a default"),
        ("logLevel: {default: info, value: info}", ":3: taskflow:logLevel: expected a default"),
        ("logLevel: ~", ":3: taskflow:logLevel: expected a default"),
        ("backend: {replicas: 3}", ":3: taskflow:backend: expected a default"),
        ("backend.env.A: x", ":3: taskflow:backend.env.A: is a path to the engine"),
        ("'backend[0]': x", ":3: taskflow:backend[0]: is a path to the engine"),
        ("release: a\n  taskflow:release: b", ":4: taskflow:release: is given a second time"),
        ("release: a\n  release: b", ":4: config.release: is given a second time"),
        ("release: {default: 2026-01-02}", "2026-01-02 is a date to the engine"),
        ("backend: {default: {1: x}}", "is a key that is not a text"),
        ("release: [", ":3: is not YAML"),
        ("a:b:c: x", ":3: a:b...: expected one colon"),
        ("backend: {default: {env: {A: {secure: v1:x}}}}", ":3: taskflow:backend.env.A: an encr"),
    ],
)
def test_what_the_engine_would_refuse_or_read_otherwise_in_the_project_file_is_refused(
    tmp_path: Path, config: str, message: str
) -> None:
    (tmp_path / "Pulumi.yaml").write_text(f"name: taskflow\nconfig:\n  {config}\n")
    (found,) = mistakes(tmp_path, LOCAL)
    assert found.startswith("Pulumi.yaml:")
    assert message in found


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ("logLevel: loud", "Pulumi.yaml:3: taskflow:logLevel"),
        ("logLevel:\n    description: x\n    default: loud", "Pulumi.yaml:5: taskflow:logLevel"),
        ("backend:\n    default:\n      replicas: 0", "Pulumi.yaml:5: taskflow:backend.replicas"),
        ("backend:\n    value: {'replica': 3}", "Pulumi.yaml:4: taskflow:backend.replica"),
    ],
)
def test_a_mistake_in_a_default_names_the_project_file_and_the_line_there(
    tmp_path: Path, config: str, place: str
) -> None:
    (tmp_path / "Pulumi.yaml").write_text(f"name: taskflow\nconfig:\n  {config}\n")
    wrong, of_default = mistakes(tmp_path, f"{LOCAL}  taskflow:protect: 5\n")
    assert wrong.startswith("Pulumi.x.yaml:5: taskflow:protect: ")
    assert of_default.startswith(f"{place}: ")


def test_in_another_project_a_key_without_namespace_is_that_projects_own() -> None:
    text = "config:\n  release: of the shop\n  taskflow:release: tasks\n"
    file = StackFile.from_text("Pulumi.x.yaml", "x", "taskflow", text, bare="shop")
    assert (file.texts, file.faults) == ({"release": "tasks"}, ())


@pytest.mark.exhaustive
@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(value=strategies.recursive(SCALARS, lambda inner: strategies.dictionaries(TEXTS, inner)))
def test_what_is_written_is_read_back_as_it_was(value: Any) -> None:
    text = as_yaml({"config": {"taskflow:backend": {"key": value}}})
    assert json.loads(read(text).texts["backend"]) == {"key": value}
