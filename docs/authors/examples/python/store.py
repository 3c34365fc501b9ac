"""A secret provider in Python: one SQLite file, each value sealed with a key of the operator's.

Everything about the process is in identitymesh_plugin; this file is what an author
writes. Start reading at open_store, then Store.
"""

import base64
import contextlib
import json
import os
import pwd
import re
import sqlite3
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import identitymesh_plugin as plugin
from identitymesh.secretprovider.v1.metadata_pb2 import Metadata
from identitymesh.secretprovider.v1.plugin_pb2 import CheckResponse
from identitymesh_plugin import Fault, name_of

SCHEMA = """
CREATE TABLE IF NOT EXISTS versions (
  version INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, also not after a delete
  name TEXT NOT NULL, ref TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, expires INTEGER,
  tags TEXT NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS versions_of ON versions (name, version);
"""
COLUMNS = "version, name, ref, created, updated, expires, tags"
NEWEST = "version = (SELECT MAX(version) FROM versions AS other WHERE other.name = versions.name)"
PAGE_BYTES = 2 << 20  # a page stays well below the size of a message
NONCE = 12


def open_store(config, log):
    """Checks the configuration {"Database": "/absolute/path", "Key": "32 bytes in Base64"}: all problems at once."""
    try:
        given = json.loads(config)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return None, [plugin.error("", "expected a JSON object with the keys Database and Key")]
    problems, values = [], {}
    for key, value in given.items():
        known = {"database": "Database", "key": "Key"}.get(key.lower())
        if known is None:
            problems.append(plugin.error(key, "this key is not known; the known ones are Database and Key"))
        elif known in values:
            problems.append(plugin.error(known, "it is given twice, in different letters; keep one"))
        else:
            values[known] = value
    database = values.get("Database")
    if not isinstance(database, str) or not os.path.isabs(database):
        problems.append(plugin.error("Database", "expected the absolute path of a file; it is made when it is not there"))
    try:
        key = base64.b64decode(values.get("Key"), validate=True)
    except (ValueError, TypeError):
        key = b""
    if len(key) != 32:
        problems.append(plugin.error("Key", "expected 32 bytes in Base64; make one with: openssl rand -base64 32"))
    if problems:
        return None, problems
    return Store(database, key), []


class Store:
    """Keeps every version of a secret as a row. Its methods are called concurrently."""

    def __init__(self, path, key):
        self._path, self._aead = path, AESGCM(key)

    def describe(self, call, ref):
        return metadata(self._row(call, ref, "", COLUMNS))

    def get(self, call, ref, version):
        row = self._row(call, ref, version, COLUMNS + ", sealed")
        try:
            return metadata(row), self._aead.decrypt(row["sealed"][:NONCE], row["sealed"][NONCE:], ref.encode())
        except (InvalidTag, ValueError):
            raise Fault("UNDECRYPTABLE", "BACKEND", f"{ref} was sealed with another key than Key, or changed since") from None

    def list(self, call, size, token):
        if token and not re.fullmatch(r"im-[0-9a-f]{32}", token):
            raise foreign_token()
        with self._database(call) as db:
            rows = db.execute(f"SELECT {COLUMNS} FROM versions WHERE {NEWEST} AND name > ? ORDER BY name", (token,))
            return page(rows, size, lambda m: m.name)

    def list_versions(self, call, ref, size, token):
        if token and not is_version(token):
            raise foreign_token()
        before = int(token) if token else 1 << 62
        with self._database(call) as db:
            self._mustexist(db, ref)
            rows = db.execute(f"SELECT {COLUMNS} FROM versions WHERE name = ? AND version < ? ORDER BY version DESC",
                              (name_of(ref), before))
            return page(rows, size, lambda m: m.version)

    def set(self, call, ref, value, expected, expires, tags):
        nonce, now = os.urandom(NONCE), time.time_ns()
        sealed = nonce + self._aead.encrypt(nonce, value, ref.encode())  # bound to the ref: rows cannot be swapped
        with self._database(call, write=True) as db:
            old = db.execute(f"SELECT {COLUMNS} FROM versions WHERE name = ? AND {NEWEST}", (name_of(ref),)).fetchone()
            current = str(old["version"]) if old else ""
            if expected is not None and expected != current:
                if expected == "":
                    raise Fault("ALREADY_EXISTS", "BACKEND", f"{ref} exists, at version {current}")
                raise Fault("VERSION_CONFLICT", "BACKEND", f"{ref} is at version {current or '(none)'}, {expected} was expected")
            row = {"name": name_of(ref), "ref": ref, "created": old["created"] if old else now, "updated": now,
                   "expires": expires.ToNanoseconds() if expires else None, "tags": json.dumps(tags), "sealed": sealed}
            done = db.execute("INSERT INTO versions (name, ref, created, updated, expires, tags, sealed) "
                              "VALUES (:name, :ref, :created, :updated, :expires, :tags, :sealed)", row)
            row["version"] = done.lastrowid
        call.log.info("secret set", ref=ref, name=row["name"], version=str(row["version"]))
        return metadata(row)

    def delete(self, call, ref):
        with self._database(call, write=True) as db:
            self._mustexist(db, ref)
            db.execute("DELETE FROM versions WHERE name = ?", (name_of(ref),))
        call.log.info("secret deleted", ref=ref, name=name_of(ref))

    def check(self, call):
        report = CheckResponse(target=self._path, identity=user())
        for name in ("read", "write", "list"):
            start = time.monotonic_ns()
            result = report.results.add(name=name, ok=True)
            try:
                with self._database(call, write=name == "write") as db:  # beginning to write is all that is tried
                    if name != "write":
                        count = db.execute("SELECT COUNT(DISTINCT name) FROM versions").fetchone()[0]
                        result.message = f"{count} secrets"
            except Fault as fault:
                result.ok, result.message = False, fault.detail.message
            result.latency.FromNanoseconds(time.monotonic_ns() - start)
        return report

    def _row(self, call, ref, version, columns):
        which = "version = ?" if version else NEWEST
        if version and not is_version(version):
            version = "0"
        with self._database(call) as db:
            self._mustexist(db, ref)
            row = db.execute(f"SELECT {columns} FROM versions WHERE name = ? AND {which}",
                             (name_of(ref), int(version)) if version else (name_of(ref),)).fetchone()
        if row is None:
            raise Fault("NOT_FOUND", "BACKEND", f"{ref} has no such version")
        return row

    def _mustexist(self, db, ref):
        if db.execute("SELECT 1 FROM versions WHERE name = ?", (name_of(ref),)).fetchone() is None:
            raise Fault("NOT_FOUND", "BACKEND", f"{ref}: there is no such secret")

    @contextlib.contextmanager
    def _database(self, call, write=False):
        """A transaction that ends with the call's deadline, or when the caller gives up."""
        call.check()
        db = None
        try:
            db = sqlite3.connect(self._path, timeout=call.remaining(), isolation_level=None)
            db.row_factory = sqlite3.Row
            db.set_progress_handler(lambda: call.remaining() == 0, 1000)
            db.executescript(SCHEMA)
            db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            yield db
            db.execute("COMMIT")
        except sqlite3.Error as e:
            call.check()
            raise Fault(reason_of(e), "BACKEND", f"{self._path}: {e}") from None
        finally:
            if db is not None:
                db.close()  # what was not committed is rolled back


def metadata(row):
    """What may be shown of a row."""
    m = Metadata(ref=row["ref"], name=row["name"], version=str(row["version"]), tags=json.loads(row["tags"]))
    m.created.FromNanoseconds(row["created"])
    m.updated.FromNanoseconds(row["updated"])
    if row["expires"] is not None:
        m.expires.FromNanoseconds(row["expires"])
    return m


def page(rows, size, token_of):
    """The first rows as (items, next token, complete); the token is that of the last item."""
    items, total = [], 0
    for row in rows:
        m = metadata(row)
        total += m.ByteSize()
        if len(items) == size or items and total > PAGE_BYTES:
            return items, token_of(items[-1]), False
        items.append(m)
    return items, "", True


def is_version(text):
    return re.fullmatch("[1-9][0-9]{0,17}", text) is not None


def foreign_token():
    return Fault("INTERNAL", "HOST", "the page token is not one of this listing")


def reason_of(e):
    """See "Result and Error Codes" of SQLite."""
    name = getattr(e, "sqlite_errorname", "")  # from Python 3.11 on
    if name.startswith(("SQLITE_PERM", "SQLITE_AUTH", "SQLITE_READONLY")):
        return "ACCESS_DENIED"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "CORRUPT"
    return "UNAVAILABLE"


def user():
    """Who the system says we are: it decides over the file."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


def main():
    plugin.run(plugin.Definition(
        name="sealed-sqlite", version="1.0.0", store=Store, open=open_store,
        traits=["LIST_COMPLETE", "CONDITIONAL_SET", "EXPIRY", "TAGS"]))
