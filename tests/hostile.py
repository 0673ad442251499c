"""Texts that would do harm wherever somebody forgot to treat them as text."""

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; drop table task; --",
    "' or '1'='1",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "../../../../etc/passwd",
    "%00%0d%0aSet-Cookie: a=b",
    "\u202etxt.exe\u2028\ufeff",
]
