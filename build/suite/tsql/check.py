"""Parses T-SQL strictly: check.py FILE... prints what cannot be parsed.

A file holds statements with ";;" on lines of their own between them, or is a
whole batch.
"""
import sys

from sqlfluff.core import FluffConfig, Linter

linter = Linter(config=FluffConfig(overrides={"dialect": "tsql", "templater": "raw", "large_file_skip_byte_limit": 0}))
parsed = wrong = 0
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        statements = file.read().split("\n;;\n")
    for text in filter(str.strip, statements):
        parsed += 1
        for violation in linter.parse_string(text).violations:
            wrong += 1
            print(f"{name}: {violation.desc()}\n    in {text}")
print(f"{parsed} parsed")
sys.exit(1 if wrong else 0)
