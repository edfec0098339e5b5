"""The layout of a journal's schema: its tables and functions, and the version that they have.

Lives here: SQL that defines. Does not live here: opening a journal (opening.py), what calls the functions (store.py).

Every change is one call of a function, so one round trip, and no transaction is ever open while a server computes: one
that stopped in the middle of it would keep the others from the room. Each function first locks the server's own row of
``servers`` (without it the server was replaced: FENCED) and that of ``done``, which has the number of its last change
and the answer. A change whose outcome was lost with a connection is called again under the same number: it waits for
the first call, if that still runs, and is answered without being made twice.

Locks are taken in this order, by every function, or two of them could wait for each other: the server's row of
``servers``; ``done``, ``claimed``; ``presence``; ``rooms``, by name, or as a whole; ``house``; ``facts``.
"""

from __future__ import annotations

from chatctl.journal.postgres.epoch_layout import EPOCH_FUNCTIONS
from chatctl.journal.postgres.presence_layout import PRESENCE_FUNCTIONS, PRESENCE_TABLES

LAYOUT = 3
"""The version that this chatctl makes and knows. Earlier ones are brought up to it (migrations.py)."""

UNFINISHED = -1
"""The version while something is copied into it: no server opens it."""

FENCED = "CHF01"
"""The SQLSTATE of a change by a server that was replaced."""

UNSAFE = "CHF02"
"""The SQLSTATE of a change that would be less safe than what the session was told: a standby is waited for no more."""

CONFLICT = "CHF03"
"""The SQLSTATE of a change of facts that another server has changed meanwhile."""

LEVEL = "chatctl.durability"
"""The setting of a session that has the durability which its server tells."""

CHANGES_KEPT = 10_000
"""Changes after which a server has to have heard of one: those that are asleep for longer are swept long before."""

MOVES_KEPT = 100
"""Moves of the log after which a server has to have connected again, or it can't be sure of anything."""

BRIDGE_SECONDS = 300
"""Entries are not stamped with an earlier time than the one before, unless that is further to come (core/clock.py)."""

TABLES = """
-- mark: where the journal was last written; generation: of which new rooms' epochs are made; version: of the newest
-- change of facts, redactions included. was, base: the mark before this one, and the version at which it became this.
-- replicated: whether all that is written waits for a standby. sure: earlier marks from which it was moved to this one
-- without a loss, by way of others where that held as well.
CREATE TABLE {s}.house (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), layout integer NOT NULL, generation text NOT NULL,
    mark text NOT NULL, version bigint NOT NULL DEFAULT 0, was text NOT NULL DEFAULT '',
    base bigint NOT NULL DEFAULT 0, replicated boolean NOT NULL DEFAULT false, sure text[] NOT NULL DEFAULT '{}');
-- version: of the facts that the server goes by; label: what people call it; watchers: by room, as JSON; replicated:
-- whether its session waits for a standby.
CREATE TABLE {s}.servers (
    sid text PRIMARY KEY, beat bigint NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 0,
    label text NOT NULL DEFAULT '', watchers text NOT NULL DEFAULT '{}', replicated boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);
-- kinds: of each receipt, see append. swept: when the server was taken for dead; it goes on under another sid with it.
CREATE TABLE {s}.done (
    sid text PRIMARY KEY, number bigint NOT NULL, seqs bigint[], times double precision[], kinds smallint[],
    swept timestamptz) WITH (fillfactor = 50);
-- first: the oldest seq that is kept; last: the newest that there ever was; time: of that. base: last when the mark
-- became this one.
CREATE TABLE {s}.rooms (
    name text COLLATE "C" PRIMARY KEY, epoch text NOT NULL, first bigint NOT NULL DEFAULT 1,
    last bigint NOT NULL DEFAULT 0, time double precision NOT NULL DEFAULT 0, base bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE {s}.entries (
    room text COLLATE "C" NOT NULL, seq bigint NOT NULL, time double precision NOT NULL, nick text NOT NULL,
    text text NOT NULL, action boolean NOT NULL, PRIMARY KEY (room, seq));
-- token: hash of the sender's. time: of the message; the receipt of a repeat has it.
CREATE TABLE {s}.ids (
    room text COLLATE "C" NOT NULL, token bytea NOT NULL, id text COLLATE "C" NOT NULL, seq bigint NOT NULL,
    time double precision NOT NULL, PRIMARY KEY (room, token, id));
CREATE INDEX ids_by_seq ON {s}.ids (room, seq);
-- value: NULL for one that was removed, for as long as another server may not know that.
CREATE TABLE {s}.facts (
    kind text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, value text, version bigint NOT NULL,
    PRIMARY KEY (kind, key));
CREATE INDEX facts_by_version ON {s}.facts (version);
CREATE INDEX facts_removed ON {s}.facts (version) WHERE value IS NULL;
CREATE TABLE {s}.redactions (version bigint PRIMARY KEY, room text COLLATE "C" NOT NULL, seqs bigint[] NOT NULL);
-- Earlier epochs of a room: entries 1 to last were the same under that one. A higher number is of a later epoch.
CREATE TABLE {s}.ends (
    number bigint GENERATED ALWAYS AS IDENTITY, room text COLLATE "C" NOT NULL, epoch text NOT NULL,
    last bigint NOT NULL, PRIMARY KEY (room, epoch));
"""

BEGIN = """
-- Lock what is the server's own; return whether the change of this number was made already. The locks are in the
-- write-ahead log: where a standby is waited for, it is for them, too, and so for the change that is answered again.
CREATE FUNCTION {s}.is_done(my_sid text, my_number bigint) RETURNS boolean LANGUAGE plpgsql AS $body$
DECLARE
    last_number bigint;
BEGIN
    PERFORM 1 FROM {s}.servers WHERE sid = my_sid FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another server has taken over' USING ERRCODE = '{fenced}';
    END IF;
    SELECT number INTO STRICT last_number FROM {s}.done WHERE sid = my_sid FOR NO KEY UPDATE;
    IF last_number = my_number THEN
        RETURN true;
    END IF;
    IF current_setting('{level}', true) = 'replica' AND current_setting('synchronous_standby_names') = '' THEN
        RAISE EXCEPTION 'no standby is waited for any more' USING ERRCODE = '{unsafe}';
    END IF;
    RETURN false;
END $body$;
"""

APPEND = """
-- Number and keep drafts, given as columns. Add rooms first that are not there: those of the drafts are among them.
-- is_new: nothing with its id is further up among the drafts, and its sender may speak. of_leader: else where that is.
-- of_kind, of_key: a fact that gets the number, of a draft that was added or is a repeat.
-- of_poster: who says it without being a member, as JSON: it is not added if a member of another server has a name that
-- looks like it, and is somebody else (Owner.owns in core/name_ownership.py). Nobody becomes a member meanwhile. Those
-- of its own server, that one has looked at.
-- Returns for each draft a number and a time, and its kind: 0 it was added under this number; 1 it is a repeat of the
-- entry of this number; 2 its id belongs to that other entry; 3 it was not added and is not known; 4 its name is taken.
CREATE FUNCTION {s}.append(
    my_sid text, my_number bigint, new_rooms text[], new_epochs text[],
    of_room text[], of_nick text[], of_text text[], of_action boolean[], of_token bytea[], of_id text[],
    is_new boolean[], of_leader integer[], of_kind text[], of_key text[], of_poster text[],
    OUT seqs bigint[], OUT times double precision[], OUT kinds smallint[]
) LANGUAGE plpgsql AS $body$
DECLARE
    locked integer;
    taken text[];
    now_version bigint;
    fact_kinds text[];
    fact_keys text[];
    fact_seqs bigint[];
    stamp double precision;
BEGIN
    IF {s}.is_done(my_sid, my_number) THEN
        SELECT d.seqs, d.times, d.kinds INTO seqs, times, kinds FROM {s}.done d WHERE sid = my_sid;
        RETURN;
    END IF;
    IF array_remove(of_poster, NULL) <> '{}' THEN
        PERFORM 1 FROM {s}.presence FOR KEY SHARE;
        SELECT array_agg(p.poster) INTO taken FROM (SELECT DISTINCT unnest(of_poster) AS poster) p
        WHERE EXISTS (
            SELECT FROM jsonb_array_elements_text(p.poster::jsonb->'looks') AS n (look)
                JOIN {s}.looks l ON l.skeleton = n.look JOIN {s}.places m ON m.number = l.number AND m.sid <> my_sid
            WHERE CASE WHEN m.member::jsonb->>'key' IS NULL THEN m.member::jsonb->>'token' = p.poster::jsonb->>'token'
                ELSE m.member::jsonb->>'key' = p.poster::jsonb->>'key' END IS NOT TRUE);
    END IF;
    LOOP  -- another server may forget a room in between, in which nothing was ever said
        INSERT INTO {s}.rooms (name, epoch) SELECT name, epoch FROM unnest(new_rooms, new_epochs) AS n (name, epoch)
            ORDER BY name ON CONFLICT DO NOTHING;
        PERFORM 1 FROM {s}.rooms WHERE name = ANY (of_room) ORDER BY name FOR NO KEY UPDATE;
        GET DIAGNOSTICS locked = ROW_COUNT;
        EXIT WHEN locked = (SELECT count(DISTINCT name) FROM unnest(of_room) AS n (name));
    END LOOP;
    IF cardinality(of_room) > 0 THEN
        stamp := extract(epoch FROM clock_timestamp());
        WITH asked AS MATERIALIZED (
            SELECT d.*, r.last,
                CASE WHEN r.time > stamp AND r.time <= stamp + {bridge} THEN r.time ELSE stamp END AS now,
                i.seq AS known, i.time AS known_time,
                coalesce(e.nick, '') = '' OR (e.text = d.text AND e.action = d.action) AS same,
                coalesce(d.poster = ANY (taken), false) AS is_taken
            FROM unnest(
                of_room, of_nick, of_text, of_action, of_token, of_id, is_new, of_leader, of_kind, of_key, of_poster
            ) WITH ORDINALITY AS d (room, nick, text, action, token, id, is_new, leader, kind, key, poster, place)
            JOIN {s}.rooms r ON r.name = d.room
            LEFT JOIN {s}.ids i ON i.room = d.room AND i.token = d.token AND i.id = d.id
            LEFT JOIN {s}.entries e ON e.room = i.room AND e.seq = i.seq
        ), numbered AS MATERIALIZED (
            SELECT a.*, CASE WHEN a.is_new AND known IS NULL AND NOT is_taken
                THEN last + row_number() OVER (
                    PARTITION BY room, a.is_new AND known IS NULL AND NOT is_taken ORDER BY place)
                END AS given
            FROM asked a
        ), said AS (
            INSERT INTO {s}.entries
            SELECT room, given, now, nick, text, action FROM numbered WHERE given IS NOT NULL
        ), named AS (
            INSERT INTO {s}.ids
            SELECT room, token, id, given, now FROM numbered
            WHERE given IS NOT NULL AND token IS NOT NULL AND id IS NOT NULL
        ), grown AS (
            UPDATE {s}.rooms r SET last = g.last, time = g.now
            FROM (
                SELECT room, max(given) AS last, max(now) AS now FROM numbered WHERE given IS NOT NULL GROUP BY room
            ) g
            WHERE r.name = g.room
            RETURNING pg_notify('{s}', 'e ' || r.name || ' ' || r.last)
        ), told AS (
            SELECT count(*) FROM grown
        ), counted AS (
            SELECT DISTINCT ON (n.kind, n.key) n.kind, n.key, coalesce(n.given, n.known, l.given) AS seq
            FROM numbered n LEFT JOIN numbered l ON l.place = n.leader
            WHERE n.kind IS NOT NULL AND CASE
                WHEN n.given IS NOT NULL THEN true
                WHEN n.known IS NOT NULL THEN n.same
                ELSE l.given IS NOT NULL AND l.text = n.text AND l.action = n.action END
            ORDER BY n.kind, n.key, n.place DESC
        )
        SELECT array_agg(coalesce(given, known) ORDER BY place), array_agg(coalesce(known_time, now) ORDER BY place),
            array_agg(CASE WHEN given IS NOT NULL THEN 0 WHEN known IS NOT NULL THEN CASE WHEN same THEN 1 ELSE 2 END
                WHEN is_taken AND numbered.is_new THEN 4 ELSE 3 END ORDER BY place),
            (SELECT array_agg(kind ORDER BY kind, key) FROM counted),
            (SELECT array_agg(key ORDER BY kind, key) FROM counted),
            (SELECT array_agg(seq ORDER BY kind, key) FROM counted)
        INTO seqs, times, kinds, fact_kinds, fact_keys, fact_seqs FROM numbered, told;
    END IF;
    IF fact_kinds IS NOT NULL THEN
        UPDATE {s}.house SET version = version + 1 RETURNING version INTO STRICT now_version;
        INSERT INTO {s}.facts SELECT kind, key, seq::text, now_version
            FROM unnest(fact_kinds, fact_keys, fact_seqs) AS c (kind, key, seq)
            ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = excluded.version;
        PERFORM pg_notify('{s}', 'f ' || now_version);
    END IF;
    UPDATE {s}.done d SET number = my_number, seqs = append.seqs, times = append.times, kinds = append.kinds
        WHERE sid = my_sid;
END $body$;
"""

CHANGE = """
-- Change facts, and empty entries of a room, if one is named. Returns the version of the facts after it.
-- seen, mine: the version that was decided by, and later ones that are this server's own. What another one has changed
-- since is refused, and a claim if any claim was: names that look alike have one owner. What append has counted is
-- another one's, too: it is looked at first.
CREATE FUNCTION {s}.change(
    my_sid text, my_number bigint, of_kind text[], of_key text[], of_value text[], in_room text, of_seq bigint[],
    seen bigint, mine bigint[]
) RETURNS bigint LANGUAGE plpgsql AS $body$
DECLARE
    now bigint;
BEGIN
    IF {s}.is_done(my_sid, my_number) THEN
        SELECT d.seqs[1] INTO STRICT now FROM {s}.done d WHERE sid = my_sid;
        RETURN now;
    END IF;
    UPDATE {s}.house SET version = version + 1 RETURNING version INTO STRICT now;
    IF now <> seen + cardinality(mine) + 1 THEN
        PERFORM 1 FROM {s}.facts f JOIN unnest(of_kind, of_key) AS c (kind, key)
            ON f.kind = c.kind AND (f.kind = 'claim' OR f.key = c.key)
            WHERE f.version > seen AND f.version <> ALL (mine);
        IF FOUND THEN
            RAISE EXCEPTION 'another server has changed it meanwhile' USING ERRCODE = '{conflict}';
        END IF;
    END IF;
    INSERT INTO {s}.facts SELECT kind, key, value, now FROM unnest(of_kind, of_key, of_value) AS c (kind, key, value)
        ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = excluded.version;
    DELETE FROM {s}.facts WHERE value IS NULL AND version < now - {kept};
    DELETE FROM {s}.redactions WHERE version < now - {kept};
    IF in_room IS NOT NULL THEN
        INSERT INTO {s}.redactions VALUES (now, in_room, of_seq);
        UPDATE {s}.entries SET nick = '', text = '', action = false WHERE room = in_room AND seq = ANY (of_seq);
    END IF;
    UPDATE {s}.done SET number = my_number, seqs = ARRAY[now], times = NULL, kinds = NULL WHERE sid = my_sid;
    PERFORM pg_notify('{s}', 'f ' || now);
    RETURN now;
END $body$;
"""

TRIM = """
-- Delete the front of a room's log. Called again, it finds nothing more to do.
CREATE FUNCTION {s}.trim(my_sid text, of_room text, new_first bigint, ids_first bigint) RETURNS void
LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM {s}.is_done(my_sid, 0);
    DELETE FROM {s}.entries WHERE room = of_room AND seq < new_first;
    DELETE FROM {s}.ids WHERE room = of_room AND seq < ids_first;
    UPDATE {s}.rooms SET first = new_first WHERE name = of_room AND first < new_first;
END $body$;
"""

FUNCTIONS = BEGIN + APPEND + CHANGE + TRIM + EPOCH_FUNCTIONS + PRESENCE_FUNCTIONS
"""Defined anew by each migration: what they were does not matter to it."""


def statements(schema: str) -> str:
    """Return what defines everything in a schema that is there and empty. ``schema`` needs no quoting."""
    return filled(TABLES + PRESENCE_TABLES + FUNCTIONS, schema)


def filled(text: str, schema: str) -> str:
    """Return SQL of ours with the names in it that a schema has."""
    names = {
        "s": schema,
        "fenced": FENCED,
        "unsafe": UNSAFE,
        "conflict": CONFLICT,
        "level": LEVEL,
        "kept": str(CHANGES_KEPT),
        "bridge": str(BRIDGE_SECONDS),
        "sure_kept": str(MOVES_KEPT),
    }
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text
