#!/usr/bin/env python3
"""Archives the stream in SQLite with nothing but Python's standard library, and tells what is missing.

    edge-gateway receive mqtts://broker.example.com:8883 --out batches.ndjson --for 1h
    python3 archive.py archive.db batches.ndjson

Each line is a payload, plain JSON. Without a file, lines are read from standard input. Exits 1 when something is missing
without a gap that says so, or when a line is not of the contract. archive_mqtt.py does the same from a broker.
"""

import gzip
import json
import pathlib
import sqlite3
import sys
import zlib

SQL = pathlib.Path(__file__).parent / "sqlite"
INSERT = (SQL / "insert.sql").read_text(encoding="utf-8")
# Lines that are committed together.
COMMIT_EVERY = 1000


def open_archive(path):
    archive = sqlite3.connect(path)
    archive.executescript((SQL / "schema.sql").read_text(encoding="utf-8"))
    return archive


def decode(payload):
    """The JSON text of a payload: the first bytes tell how it is compressed. Raises ValueError."""
    try:
        if payload[:4] == b"\x28\xb5\x2f\xfd":
            return zstd_decompress(payload).decode()
        return (gzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload).decode()
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"cannot be decompressed: {error}") from error


def zstd_decompress(payload):
    from compression import zstd  # Python 3.14; before that, `pip install backports.zstd`

    try:
        return zstd.decompress(payload)
    except zstd.ZstdError as error:
        raise ValueError(f"cannot be decompressed: {error}") from error


def store(archive, payload):
    """Stores a batch unless it is there already; True when it is new. What is no batch is passed over.

    Raises ValueError for what is not of the contract. The caller commits.
    """
    text = decode(payload)
    (is_json,) = archive.execute("select json_valid(?)", (text,)).fetchone()
    if not is_json:
        raise ValueError("no JSON")
    query = "select json_extract(:payload, '$.v'), json_extract(:payload, '$.stream')"
    version, stream = archive.execute(query, {"payload": text}).fetchone()
    if stream is None:
        return False
    if version != 1:
        raise ValueError(f"of contract version {version}: this program reads version 1")
    try:
        return archive.execute(INSERT, {"payload": text}).rowcount == 1
    except sqlite3.IntegrityError as error:
        raise ValueError(f"no batch: {error}") from error


def figures(archive):
    def rows(query):
        return archive.execute(query).fetchall()

    (batches,), (observations,) = rows("select count(*) from batch union all select count(*) from observation")
    return {
        "batches": batches,
        "observations": observations,
        "gaps": dict(rows("select cause, count(*) from gap group by cause order by cause")),
        "missing": rows("select machine, kind, stream, first_seq, last_seq from missing_batches"),
    }


def main(path, files):
    archive = open_archive(path)
    invalid = new = 0
    for file in [open(name, "rb") for name in files] or [sys.stdin.buffer]:
        for number, line in enumerate(file, 1):
            try:
                new += store(archive, line)
            except ValueError as error:
                invalid += 1
                print(f"line {number}: {error}", file=sys.stderr)
            if number % COMMIT_EVERY == 0:
                archive.commit()
        archive.commit()
    result = {"new": new, "invalid": invalid, **figures(archive)}
    print(json.dumps(result))
    return 1 if invalid or result["missing"] else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
