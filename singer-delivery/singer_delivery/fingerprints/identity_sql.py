"""The SQL of `identities`, for SQLite and PostgreSQL; `?` is the placeholder for a value."""

COLUMNS = "stream, entity_key, record, id, via, traits, read_number"

UPSERT = f"""
INSERT INTO singer_fingerprint_identities AS stored ({COLUMNS}) {{rows}}
ON CONFLICT (stream, entity_key, record) DO UPDATE SET
    id = excluded.id, via = excluded.via, traits = stored.traits | excluded.traits,
    read_number = excluded.read_number
"""

CREATE_STREAMS = """
CREATE TABLE singer_fingerprint_streams (
    number INTEGER PRIMARY KEY, destination BIGINT NOT NULL, name TEXT NOT NULL,
    alias TEXT NOT NULL, version BIGINT, read_number INTEGER NOT NULL,
    UNIQUE (destination, name, alias)
)
"""
CREATE_IDENTITIES = """
CREATE TABLE singer_fingerprint_identities (
    stream INTEGER NOT NULL, entity_key BIGINT NOT NULL, record BIGINT NOT NULL,
    id TEXT NOT NULL, via TEXT, traits BIGINT NOT NULL, read_number INTEGER NOT NULL,
    PRIMARY KEY (stream, entity_key, record)
)
"""
CREATE_TRAITS = """
CREATE TABLE singer_fingerprint_traits (
    stream INTEGER NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (stream, place), UNIQUE (stream, name)
)
"""

TRAITS = "SELECT name FROM singer_fingerprint_traits WHERE stream = ? ORDER BY place"
ADD_TRAIT = """
INSERT INTO singer_fingerprint_traits (stream, place, name) VALUES (
    ?, (SELECT coalesce(max(place) + 1, 0) FROM singer_fingerprint_traits WHERE stream = ?), ?
) ON CONFLICT DO NOTHING
"""

STREAM = """
SELECT number, version, read_number FROM singer_fingerprint_streams
WHERE destination = ? AND name = ? AND alias = ?
"""
ADD_STREAM = """
INSERT INTO singer_fingerprint_streams (number, destination, name, alias, read_number)
VALUES ((SELECT coalesce(max(number), 0) + 1 FROM singer_fingerprint_streams), ?, ?, ?, 1)
ON CONFLICT DO NOTHING
"""
START_READ = "UPDATE singer_fingerprint_streams SET version = ?, read_number = ? WHERE number = ?"
INVALIDATE_READS = """
UPDATE singer_fingerprint_streams SET version = NULL, read_number = -abs(read_number)
WHERE version IS NOT NULL OR read_number > 0
"""

# A comparison has three temporary tables: the reads to compare, the rows missing from them, and the
# ids of these rows that no other row has.

TEMPORARY = tuple(f"singer_fingerprint_{name}" for name in ("compared", "missing", "removed"))
CREATE_COMPARED = """
CREATE TEMP TABLE singer_fingerprint_compared (stream INTEGER, read_number INTEGER)
"""
ADD_COMPARED = "INSERT INTO singer_fingerprint_compared VALUES (?, ?)"
CREATE_MISSING = """
CREATE TEMP TABLE singer_fingerprint_missing AS
SELECT stored.stream, stored.entity_key, stored.record, stored.id, stored.via, stored.traits
FROM singer_fingerprint_identities AS stored
JOIN singer_fingerprint_compared AS compared ON compared.stream = stored.stream
WHERE stored.read_number <> compared.read_number AND stored.entity_key <> 0
    AND NOT EXISTS (
        SELECT 1 FROM singer_fingerprint_identities AS read
        WHERE read.stream = stored.stream AND read.entity_key = 0 AND read.record = stored.record
            AND read.read_number = compared.read_number
    )
"""
INDEX_MISSING = (
    "CREATE INDEX singer_fingerprint_missing_id ON singer_fingerprint_missing (id)",
    """CREATE INDEX singer_fingerprint_missing_key
    ON singer_fingerprint_missing (stream, entity_key, record)""",
)
CREATE_REMOVED = """
CREATE TEMP TABLE singer_fingerprint_removed AS
SELECT DISTINCT id FROM singer_fingerprint_missing
"""
INDEX_REMOVED = "CREATE INDEX singer_fingerprint_removed_id ON singer_fingerprint_removed (id)"
KEEP_ELSEWHERE = """
DELETE FROM singer_fingerprint_removed WHERE id IN (
    SELECT stored.id FROM singer_fingerprint_identities AS stored
    JOIN singer_fingerprint_streams AS stream ON stream.number = stored.stream
    WHERE stream.destination = ? AND stored.entity_key <> 0
        AND stored.id IN (SELECT id FROM singer_fingerprint_removed)
        AND NOT EXISTS (
            SELECT 1 FROM singer_fingerprint_missing AS missing
            WHERE missing.stream = stored.stream AND missing.entity_key = stored.entity_key
                AND missing.record = stored.record
        )
)
"""
COUNTS = """
SELECT compared.stream,
    (SELECT count(DISTINCT stored.id) FROM singer_fingerprint_identities AS stored
        WHERE stored.stream = compared.stream AND stored.entity_key <> 0),
    (SELECT count(DISTINCT missing.id) FROM singer_fingerprint_missing AS missing
        WHERE missing.stream = compared.stream),
    (SELECT count(DISTINCT missing.id) FROM singer_fingerprint_missing AS missing
        JOIN singer_fingerprint_removed AS removed ON removed.id = missing.id
        WHERE missing.stream = compared.stream)
FROM singer_fingerprint_compared AS compared ORDER BY compared.stream
"""
NEXT_REMOVED = """
SELECT id, stream, entity_key, via, traits FROM singer_fingerprint_missing
WHERE id IN (SELECT id FROM singer_fingerprint_removed WHERE id > ? ORDER BY id LIMIT ?)
ORDER BY id, stream, entity_key
"""

FORGET_ELSEWHERE = """
DELETE FROM singer_fingerprint_identities AS stored WHERE EXISTS (
    SELECT 1 FROM singer_fingerprint_missing AS missing
    WHERE missing.stream = stored.stream AND missing.entity_key = stored.entity_key
        AND missing.record = stored.record
        AND missing.id NOT IN (SELECT id FROM singer_fingerprint_removed)
)
"""
FORGET_UNSENT = """
DELETE FROM singer_fingerprint_identities
WHERE stream = ? AND entity_key = 0 AND read_number <> ?
"""
FORGET = """
DELETE FROM singer_fingerprint_identities
WHERE entity_key = ? AND stream IN (
    SELECT number FROM singer_fingerprint_streams WHERE destination = ?
)
"""

STREAMS = """
SELECT number, destination, name, alias, version, read_number FROM singer_fingerprint_streams
"""
PAGE = f"""
SELECT {COLUMNS} FROM singer_fingerprint_identities
WHERE (stream, entity_key, record) > (?, ?, ?) ORDER BY stream, entity_key, record LIMIT ?
"""  # noqa: S608, constants
