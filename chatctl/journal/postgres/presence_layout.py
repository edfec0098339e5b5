"""The layout of what servers with one schema know of each other's members: tables and functions.

Lives here: SQL that defines, as a part of layout.py. Does not live here: what calls the functions (presence.py).

``presence`` is locked by everything that changes who is here, so the numbers of the news are dense, and in the order of
their commits. Locks are taken in the order that layout.py has.
"""

from __future__ import annotations

PRESENCE_TABLES = """
-- last: number of the newest of the news.
CREATE TABLE {s}.presence (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), last bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);
INSERT INTO {s}.presence DEFAULT VALUES;
-- member: what servers tell each other of it, as JSON. A number is never given twice.
CREATE TABLE {s}.places (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sid text NOT NULL REFERENCES {s}.servers ON DELETE CASCADE,
    room text COLLATE "C" NOT NULL, fold text COLLATE "C" NOT NULL, member text NOT NULL, UNIQUE (room, fold));
CREATE INDEX places_by_sid ON {s}.places (sid);
-- What looks alike shares a skeleton.
CREATE TABLE {s}.looks (
    skeleton text COLLATE "C" NOT NULL, number bigint NOT NULL REFERENCES {s}.places ON DELETE CASCADE,
    PRIMARY KEY (skeleton, number));
CREATE INDEX looks_by_number ON {s}.looks (number);
-- Who came (no old place), went (no new one) or was renamed; by_sid: at which server, empty: it was swept.
CREATE TABLE {s}.news (
    number bigint PRIMARY KEY, by_sid text NOT NULL, old_sid text, old_number bigint, new_sid text, new_number bigint,
    room text, member text, after bigint NOT NULL DEFAULT 0, at timestamptz NOT NULL DEFAULT now());
-- The last claim of each server, as done is of its last change.
CREATE TABLE {s}.claimed (
    sid text PRIMARY KEY, number bigint NOT NULL, answer jsonb, swept timestamptz) WITH (fillfactor = 50);
"""

CLAIM = """
-- Commit each wish if the places that look like it are those that were seen, and no claim was kept since version
-- facts_seen but under the versions in mine. Returns the server, the number of the newest of the news, the version of
-- the facts, and a verdict for each wish: null, or its place and the version that its own facts have.
CREATE FUNCTION {s}.claim(my_sid text, my_number bigint, wishes jsonb, facts_seen bigint, mine bigint[]) RETURNS jsonb
LANGUAGE plpgsql AS $body$
DECLARE
    known record;
    wish jsonb;
    old record;
    news_before bigint;
    news_last bigint;
    facts_version bigint;
    own_version bigint;
    place bigint;
    is_here boolean;
    is_stale boolean;
    verdicts jsonb := '[]';
    answered jsonb;
BEGIN
    PERFORM 1 FROM {s}.servers WHERE sid = my_sid FOR KEY SHARE;
    is_here := FOUND;
    SELECT number, answer INTO known FROM {s}.claimed WHERE sid = my_sid FOR UPDATE;
    IF known.number = my_number THEN
        RETURN known.answer;
    END IF;
    IF NOT is_here THEN
        RAISE EXCEPTION 'this server was taken for dead' USING ERRCODE = '{fenced}';
    END IF;
    SELECT last INTO STRICT news_before FROM {s}.presence FOR UPDATE;
    news_last := news_before;
    SELECT version INTO STRICT facts_version FROM {s}.house FOR SHARE;
    is_stale := EXISTS (
        SELECT FROM {s}.facts WHERE version > facts_seen AND version <> ALL (mine) AND kind = 'claim');
    FOR wish IN SELECT value FROM jsonb_array_elements(wishes) LOOP
        place := (wish->>'place')::bigint;
        SELECT NULL::text AS sid INTO old;
        IF place IS NOT NULL THEN
            SELECT sid INTO old FROM {s}.places WHERE number = place;
        END IF;
        IF is_stale OR (place IS NOT NULL AND old.sid IS NULL) OR EXISTS (
            SELECT FROM {s}.places p WHERE p.room = wish->>'room' AND p.fold = wish->>'fold'
                AND p.number IS DISTINCT FROM place
        ) OR ARRAY(
            SELECT DISTINCT l.number FROM {s}.looks l
            WHERE l.skeleton IN (SELECT jsonb_array_elements_text(wish->'looks')) AND l.number IS DISTINCT FROM place
            ORDER BY 1
        ) <> ARRAY(SELECT value::bigint FROM jsonb_array_elements_text(wish->'seen') ORDER BY 1) THEN
            verdicts := verdicts || 'null'::jsonb;
            CONTINUE;
        END IF;
        own_version := NULL;
        IF jsonb_array_length(wish->'facts') > 0 THEN
            UPDATE {s}.house SET version = version + 1 RETURNING version INTO STRICT own_version;
            facts_version := own_version;
            INSERT INTO {s}.facts SELECT f->>0, f->>1, f->>2, own_version FROM jsonb_array_elements(wish->'facts') AS f
                ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = excluded.version;
            PERFORM pg_notify('{s}', 'f ' || own_version);
        END IF;
        IF wish->>'room' <> '' THEN
            news_last := news_last + 1;
            INSERT INTO {s}.news (number, by_sid, old_sid, old_number) VALUES (news_last, my_sid, old.sid, place);
            DELETE FROM {s}.places WHERE number = place;
            INSERT INTO {s}.places (sid, room, fold, member)
                VALUES (my_sid, wish->>'room', wish->>'fold', wish->>'member') RETURNING number INTO STRICT place;
            INSERT INTO {s}.looks SELECT DISTINCT value, place FROM jsonb_array_elements_text(wish->'looks');
            UPDATE {s}.news SET new_sid = my_sid, new_number = place, room = wish->>'room', member = wish->>'member'
                WHERE number = news_last;
        ELSE
            place := NULL;
        END IF;
        verdicts := verdicts || jsonb_build_array(jsonb_build_array(place, own_version));
    END LOOP;
    IF news_last <> news_before THEN
        UPDATE {s}.presence SET last = news_last;
        PERFORM pg_notify('{s}', 'p ' || news_last);
    END IF;
    IF news_last / 256 <> news_before / 256 THEN
        DELETE FROM {s}.news WHERE at < now() - interval '5 minutes';
    END IF;
    answered := jsonb_build_array(my_sid, news_last, facts_version, verdicts);
    UPDATE {s}.claimed SET number = my_number, answer = answered WHERE sid = my_sid;
    RETURN answered;
END $body$;
"""

RELEASE = """
-- Give places of a server up. Called again, it finds nothing more to do.
CREATE FUNCTION {s}.release(my_sid text, numbers bigint[], shown bigint) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    newest bigint;
    gone bigint;
BEGIN
    PERFORM 1 FROM {s}.servers WHERE sid = my_sid FOR KEY SHARE;
    SELECT last INTO STRICT newest FROM {s}.presence FOR UPDATE;
    WITH left_here AS (
        DELETE FROM {s}.places WHERE number = ANY (numbers) AND sid = my_sid RETURNING number
    ), told AS (
        INSERT INTO {s}.news (number, by_sid, old_sid, old_number, after)
            SELECT newest + row_number() OVER (ORDER BY number), my_sid, my_sid, number, shown FROM left_here
            RETURNING number
    )
    SELECT count(*) INTO gone FROM told;
    IF gone > 0 THEN
        UPDATE {s}.presence SET last = newest + gone;
        PERFORM pg_notify('{s}', 'p ' || newest + gone);
    END IF;
END $body$;
"""

SWEEP = """
-- Take a server out of the schema whose beat is still this one, or any if that is NULL; return whether it was. What
-- came of its last change and claim is kept for a day: it may only have slept.
CREATE FUNCTION {s}.sweep(dead text, of_beat bigint) RETURNS boolean LANGUAGE plpgsql AS $body$
DECLARE
    newest bigint;
    gone bigint;
BEGIN
    PERFORM 1 FROM {s}.servers WHERE sid = dead AND (of_beat IS NULL OR beat = of_beat) FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT last INTO STRICT newest FROM {s}.presence FOR UPDATE;
    WITH told AS (
        INSERT INTO {s}.news (number, by_sid, old_sid, old_number, after)
            SELECT newest + row_number() OVER (ORDER BY p.number), '', dead, p.number, coalesce(r.last, 0)
            FROM {s}.places p LEFT JOIN {s}.rooms r ON r.name = p.room WHERE p.sid = dead
            RETURNING number
    )
    SELECT count(*) INTO gone FROM told;
    DELETE FROM {s}.servers WHERE sid = dead;
    UPDATE {s}.done SET swept = now() WHERE sid = dead;
    UPDATE {s}.claimed SET swept = now() WHERE sid = dead;
    DELETE FROM {s}.done WHERE swept < now() - interval '1 day';
    DELETE FROM {s}.claimed WHERE swept < now() - interval '1 day';
    UPDATE {s}.presence SET last = newest + gone;
    PERFORM pg_notify('{s}', 'p ' || newest + gone);
    RETURN true;
END $body$;
"""

PRESENCE_FUNCTIONS = CLAIM + RELEASE + SWEEP
