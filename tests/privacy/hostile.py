"""What, repeated, would make a careless pattern slow: beginnings of secrets that never end as one."""

from __future__ import annotations

from typing import Final

from clauditor.redaction import REDACTED

UNITS: Final = (
    "a", "password", "-", "a@", "eyJ-", "eyJa.", "sk-", "sk-a1", "=", "a://", "a://b:", "a:b@", "aA1+", "is is ",
    "'\"", '\\"', "\\", "-----BEGIN A", "-----BEGIN A-----", "password=", "password is ", "pass:", "cookie: a=",
    "cookie a=b;", "a=", "?key=a&", "authorization: digest a=", "bearer ", "mysql a ", "mysql -", "sshpass ", "a@b.",
    "a@b.c", "1:", "a:1234:b:c:", "0123456789abcdef" * 2 + " ", "commit " + "0" * 40 + " ", "x.y/", "//a/", "dQ~8Q~",
    "--password ", "ENV A ", REDACTED, "secret ", "a_key:b,", "secret:a;b;", "日", "passphrase is a b c ", "<password>",
)  # fmt: skip
