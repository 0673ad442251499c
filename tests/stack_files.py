"""Stack files made up by hypothesis: spellings, both forms of keys, features of YAML, encodings. Some are not YAML."""

from hypothesis import strategies as st

SPELLINGS = [
    *("1", "0", "-1", "+5", "2.0", "2.50", ".5", "-.5e3", "1e6", "1e-7", "1e21", "1e400", "1_000", "1_0.5", "._5"),
    *("0x1F", "-0X1f", "0o17", "017", "08", "09.5", "0b11", "0b2", "00", "-0", "-0.0", "+-1", "1-", "0x", "1."),
    *("9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616"),
    *("0x8000000000000001", "9223372036854775807", "123456789012345678901234", "2026-11-23  1:2:3"),
    *("true", "True", "TRUE", "tRue", "false", "yes", "no", "on", "Off", "y", "n", "null", "Null", "~", ""),
    *("2026-11-23", "2026-1-2", "2026-13-45", "2026-11-23T10:00:00Z", "2026-11-23 10:00:00", "10:30", "1:30:00"),
    *(".inf", "-.Inf", "+.INF", ".nan", ".Infinity", "=", "<<", "!", "-", "?", ":", "a: b", "a:b", "a #b", "a#b"),
    *("'it''s'", '"a\\tb\\u00e9\\x41"', '"2"', "'true'", '""', "''", "'2026-11-23'", "'1e6'", '"a\nb"', "'0x1F'"),
    *("!!str 5", "!!int 5", "!!int '5'", "!!float 1", "!!str", "!!binary aGk=", "!own x", "! 5", "!!bool yes"),
    *("*a", "*b", "*c", "&a x", "&b {k: v}", "&c [1, x]", "&a", "{}", "[]", "[1, 'x', ~]", "{k: 1, k: 2}", "{k: [}"),
    *("{1: x}", "{true: x}", "{~: x}", "{1.5: x}", "{'1': x, \"1\": y}", "{<<: *b, k: 2}", "{<<: [*b, {z: 1}]}"),
    *("{? k : v}", "{k}", "{k: , l: ~}", "[a, b: c]", "{a, b}", "{secure: 5}", "{secure: [x]}", "{k:1}", '{"k":1}'),
    *("|\n      a\n       b\n", ">-\n      a\n      b\n\n      c", "|+\n      x\n\n", "|2\n      x"),
    *("|\n\n      a", ">-\n      \n      a", '"\\na"', '"\\ta\\nb"', '"\\u2028\\n"', '" a\\nb"'),
    *("@x", "`x", "%x", "\tx", "[a?b]", "{k: a?}", "a?b", '"\\/"', '"\\\\/"', "{'<<': *b}", "{'<<': 1}"),
    *("Größe", "😀", "x\u2028y", "\x01", "\x85", "a\u00a0b", "taskflow", "'{\"k\": [1, 2.0]}'", '{"k": "v"}', "[1,2]"),
]  # fmt: skip
PLAIN = [
    *("1", "2.50", "1e6", "0x1F", "017", "yes", "true", "~", "'2'", '"true"', "text", "a b", "10:30", "1_000"),
    *("{k: 1, l: [x, 2.0]}", "[]", "&b {k: v}", "'a: b'", "-3", ".5", '{"k": "v"}', "'[1, 2]'", "!!str 5"),
]  # fmt: skip
KEYS = [
    f"{before}{key}"
    for key in ("backend", "release")
    for before in ("", "taskflow:", "taskflow:config:")
]
KEYS += ["aws:region"]
ODD_KEYS = [
    "taskflow:a:b",
    "1",
    "true",
    "~",
    "'quoted'",
    "2026-11-23",
    "<<",
    "? x",
    "&k backend",
    "*a",
    '"a:b"',
]


@st.composite
def stack_files(draw: st.DrawFn) -> bytes:
    """The bytes of a `Pulumi.<stack>.yaml`."""

    def rarely(usual: str, *others: str) -> str:
        return draw(st.sampled_from(others)) if draw(st.integers(0, 19)) == 0 else usual

    lines = rarely("", "# a comment\n", "---\n", "%YAML 1.2\n---\n", "encryptionsalt: x\n")
    lines += rarely("config:\n", "config: {}\n", "config: 5\n", "- config\n")
    made_up = st.one_of(st.text(max_size=6), st.floats().map(repr), st.integers().map(str))
    plain = st.one_of(st.text("abcxyz0159_.+-e:'", min_size=1, max_size=7), st.sampled_from(PLAIN))
    # A file has many values, and one wrong one is enough to refuse it.
    word = st.integers(0, 19).flatmap(
        lambda n: made_up if n == 0 else st.sampled_from(SPELLINGS) if n < 5 else plain
    )
    key = st.integers(0, 29).flatmap(lambda n: st.sampled_from(KEYS if n else ODD_KEYS))
    for name in draw(st.lists(key, max_size=4, unique=draw(st.integers(0, 9)) > 0)):
        inner = st.sampled_from(["env", "'k'", "replicas", "k", "1", "secure"])
        block = draw(st.dictionaries(inner, word, max_size=3))
        if draw(st.booleans()) or not block:
            lines += f"  {name}: {draw(word)}\n"
        else:
            lines += f"  {name}:{draw(st.sampled_from(['', ' &b', ' # why']))}\n"
            lines += "".join(f"    {key}: {value}\n" for key, value in block.items())
    lines += rarely("", "...\n", "---\nconfig: {}\n", "\t\n", "# end", "# \udcf6\n")
    lines = lines.replace("\n", rarely("\n", "\r\n"))
    return (rarely("", "\ufeff") + lines).encode(errors="surrogateescape")
