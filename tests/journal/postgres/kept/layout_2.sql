CREATE SCHEMA kept;

CREATE FUNCTION kept.append(my_sid text, my_number bigint, new_rooms text[], new_epochs text[], of_room text[], of_nick text[], of_text text[], of_action boolean[], of_token bytea[], of_id text[], is_new boolean[], of_leader integer[], of_kind text[], of_key text[], OUT seqs bigint[], OUT times double precision[], OUT kinds smallint[]) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
    locked integer;
    now_version bigint;
    fact_kinds text[];
    fact_keys text[];
    fact_seqs bigint[];
    stamp double precision;
BEGIN
    IF kept.is_done(my_sid, my_number) THEN
        SELECT d.seqs, d.times, d.kinds INTO seqs, times, kinds FROM kept.done d WHERE sid = my_sid;
        RETURN;
    END IF;
    LOOP  -- another server may forget a room in between, in which nothing was ever said
        INSERT INTO kept.rooms (name, epoch) SELECT name, epoch FROM unnest(new_rooms, new_epochs) AS n (name, epoch)
            ORDER BY name ON CONFLICT DO NOTHING;
        PERFORM 1 FROM kept.rooms WHERE name = ANY (of_room) ORDER BY name FOR NO KEY UPDATE;
        GET DIAGNOSTICS locked = ROW_COUNT;
        EXIT WHEN locked = (SELECT count(DISTINCT name) FROM unnest(of_room) AS n (name));
    END LOOP;
    IF cardinality(of_room) > 0 THEN
        stamp := extract(epoch FROM clock_timestamp());
        WITH asked AS MATERIALIZED (
            SELECT d.*, r.last,
                CASE WHEN r.time > stamp AND r.time <= stamp + 300 THEN r.time ELSE stamp END AS now,
                i.seq AS known, i.time AS known_time,
                coalesce(e.nick, '') = '' OR (e.text = d.text AND e.action = d.action) AS same
            FROM unnest(of_room, of_nick, of_text, of_action, of_token, of_id, is_new, of_leader, of_kind, of_key)
                WITH ORDINALITY AS d (room, nick, text, action, token, id, is_new, leader, kind, key, place)
            JOIN kept.rooms r ON r.name = d.room
            LEFT JOIN kept.ids i ON i.room = d.room AND i.token = d.token AND i.id = d.id
            LEFT JOIN kept.entries e ON e.room = i.room AND e.seq = i.seq
        ), numbered AS MATERIALIZED (
            SELECT a.*, CASE WHEN a.is_new AND known IS NULL
                THEN last + row_number() OVER (PARTITION BY room, a.is_new AND known IS NULL ORDER BY place)
                END AS given
            FROM asked a
        ), said AS (
            INSERT INTO kept.entries
            SELECT room, given, now, nick, text, action FROM numbered WHERE given IS NOT NULL
        ), named AS (
            INSERT INTO kept.ids
            SELECT room, token, id, given, now FROM numbered
            WHERE given IS NOT NULL AND token IS NOT NULL AND id IS NOT NULL
        ), grown AS (
            UPDATE kept.rooms r SET last = g.last, time = g.now
            FROM (
                SELECT room, max(given) AS last, max(now) AS now FROM numbered WHERE given IS NOT NULL GROUP BY room
            ) g
            WHERE r.name = g.room
            RETURNING pg_notify('kept', 'e ' || r.name || ' ' || r.last)
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
            array_agg(CASE WHEN given IS NOT NULL THEN 0 WHEN known IS NULL THEN 3 WHEN same THEN 1 ELSE 2 END
                ORDER BY place),
            (SELECT array_agg(kind ORDER BY kind, key) FROM counted),
            (SELECT array_agg(key ORDER BY kind, key) FROM counted),
            (SELECT array_agg(seq ORDER BY kind, key) FROM counted)
        INTO seqs, times, kinds, fact_kinds, fact_keys, fact_seqs FROM numbered, told;
    END IF;
    IF fact_kinds IS NOT NULL THEN
        UPDATE kept.house SET version = version + 1 RETURNING version INTO STRICT now_version;
        INSERT INTO kept.facts SELECT kind, key, seq::text, now_version
            FROM unnest(fact_kinds, fact_keys, fact_seqs) AS c (kind, key, seq)
            ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = excluded.version;
        PERFORM pg_notify('kept', 'f ' || now_version);
    END IF;
    UPDATE kept.done d SET number = my_number, seqs = append.seqs, times = append.times, kinds = append.kinds
        WHERE sid = my_sid;
END $$;

CREATE FUNCTION kept.change(my_sid text, my_number bigint, of_kind text[], of_key text[], of_value text[], in_room text, of_seq bigint[], seen bigint, mine bigint[]) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    now bigint;
BEGIN
    IF kept.is_done(my_sid, my_number) THEN
        SELECT d.seqs[1] INTO STRICT now FROM kept.done d WHERE sid = my_sid;
        RETURN now;
    END IF;
    UPDATE kept.house SET version = version + 1 RETURNING version INTO STRICT now;
    IF now <> seen + cardinality(mine) + 1 THEN
        PERFORM 1 FROM kept.facts f JOIN unnest(of_kind, of_key) AS c (kind, key)
            ON f.kind = c.kind AND (f.kind = 'claim' OR (f.kind IN ('lease', 'order') AND f.key = c.key))
            WHERE f.version > seen AND f.version <> ALL (mine);
        IF FOUND THEN
            RAISE EXCEPTION 'another server has changed it meanwhile' USING ERRCODE = 'CHF03';
        END IF;
    END IF;
    INSERT INTO kept.facts SELECT kind, key, value, now FROM unnest(of_kind, of_key, of_value) AS c (kind, key, value)
        ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = excluded.version;
    DELETE FROM kept.facts WHERE value IS NULL AND version < now - 10000;
    DELETE FROM kept.redactions WHERE version < now - 10000;
    IF in_room IS NOT NULL THEN
        INSERT INTO kept.redactions VALUES (now, in_room, of_seq);
        UPDATE kept.entries SET nick = '', text = '', action = false WHERE room = in_room AND seq = ANY (of_seq);
    END IF;
    UPDATE kept.done SET number = my_number, seqs = ARRAY[now], times = NULL, kinds = NULL WHERE sid = my_sid;
    PERFORM pg_notify('kept', 'f ' || now);
    RETURN now;
END $$;

CREATE FUNCTION kept.claim(my_sid text, my_number bigint, wishes jsonb, facts_seen bigint, mine bigint[]) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    known record;
    wish jsonb;
    old record;
    news_before bigint;
    news_last bigint;
    facts_version bigint;
    own_version bigint;
    place bigint;
    is_stale boolean;
    verdicts jsonb := '[]';
    answered jsonb;
BEGIN
    SELECT number, answer INTO known FROM kept.claimed WHERE sid = my_sid FOR UPDATE;
    IF known.number = my_number THEN
        RETURN known.answer;
    END IF;
    PERFORM 1 FROM kept.servers WHERE sid = my_sid FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this server was taken for dead' USING ERRCODE = 'CHF01';
    END IF;
    SELECT last INTO STRICT news_before FROM kept.presence FOR UPDATE;
    news_last := news_before;
    SELECT version INTO STRICT facts_version FROM kept.house FOR SHARE;
    is_stale := EXISTS (
        SELECT FROM kept.facts WHERE version > facts_seen AND version <> ALL (mine) AND kind = 'claim');
    FOR wish IN SELECT value FROM jsonb_array_elements(wishes) LOOP
        place := (wish->>'place')::bigint;
        SELECT NULL::text AS sid INTO old;
        IF place IS NOT NULL THEN
            SELECT sid INTO old FROM kept.places WHERE number = place;
        END IF;
        IF is_stale OR (place IS NOT NULL AND old.sid IS NULL) OR EXISTS (
            SELECT FROM kept.places p WHERE p.room = wish->>'room' AND p.fold = wish->>'fold'
                AND p.number IS DISTINCT FROM place
        ) OR ARRAY(
            SELECT DISTINCT l.number FROM kept.looks l
            WHERE l.skeleton IN (SELECT jsonb_array_elements_text(wish->'looks')) AND l.number IS DISTINCT FROM place
            ORDER BY 1
        ) <> ARRAY(SELECT value::bigint FROM jsonb_array_elements_text(wish->'seen') ORDER BY 1) THEN
            verdicts := verdicts || 'null'::jsonb;
            CONTINUE;
        END IF;
        own_version := NULL;
        IF jsonb_array_length(wish->'facts') > 0 THEN
            UPDATE kept.house SET version = version + 1 RETURNING version INTO STRICT own_version;
            facts_version := own_version;
            INSERT INTO kept.facts SELECT f->>0, f->>1, f->>2, own_version FROM jsonb_array_elements(wish->'facts') AS f
                ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = excluded.version;
            PERFORM pg_notify('kept', 'f ' || own_version);
        END IF;
        IF wish->>'room' <> '' THEN
            news_last := news_last + 1;
            INSERT INTO kept.news (number, by_sid, old_sid, old_number) VALUES (news_last, my_sid, old.sid, place);
            DELETE FROM kept.places WHERE number = place;
            INSERT INTO kept.places (sid, room, fold, member)
                VALUES (my_sid, wish->>'room', wish->>'fold', wish->>'member') RETURNING number INTO STRICT place;
            INSERT INTO kept.looks SELECT DISTINCT value, place FROM jsonb_array_elements_text(wish->'looks');
            UPDATE kept.news SET new_sid = my_sid, new_number = place, room = wish->>'room', member = wish->>'member'
                WHERE number = news_last;
        ELSE
            place := NULL;
        END IF;
        verdicts := verdicts || jsonb_build_array(jsonb_build_array(place, own_version));
    END LOOP;
    IF news_last <> news_before THEN
        UPDATE kept.presence SET last = news_last;
        PERFORM pg_notify('kept', 'p ' || news_last);
    END IF;
    IF news_last / 256 <> news_before / 256 THEN
        DELETE FROM kept.news WHERE at < now() - interval '5 minutes';
    END IF;
    answered := jsonb_build_array(my_sid, news_last, facts_version, verdicts);
    UPDATE kept.claimed SET number = my_number, answer = answered WHERE sid = my_sid;
    RETURN answered;
END $$;

CREATE FUNCTION kept.is_done(my_sid text, my_number bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    last_number bigint;
BEGIN
    PERFORM 1 FROM kept.servers WHERE sid = my_sid FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another server has taken over' USING ERRCODE = 'CHF01';
    END IF;
    SELECT number INTO STRICT last_number FROM kept.done WHERE sid = my_sid FOR NO KEY UPDATE;
    IF last_number = my_number THEN
        RETURN true;
    END IF;
    IF current_setting('chatctl.durability', true) = 'replica' AND current_setting('synchronous_standby_names') = '' THEN
        RAISE EXCEPTION 'no standby is waited for any more' USING ERRCODE = 'CHF02';
    END IF;
    RETURN false;
END $$;

CREATE FUNCTION kept.move(new_mark text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE kept.house SET was = mark, mark = new_mark, base = version WHERE mark <> new_mark;
    IF FOUND THEN
        UPDATE kept.rooms SET base = last WHERE base <> last;
    END IF;
END $$;

CREATE FUNCTION kept.release(my_sid text, numbers bigint[], shown bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    newest bigint;
    gone bigint;
BEGIN
    PERFORM 1 FROM kept.servers WHERE sid = my_sid FOR KEY SHARE;
    SELECT last INTO STRICT newest FROM kept.presence FOR UPDATE;
    WITH left_here AS (
        DELETE FROM kept.places WHERE number = ANY (numbers) AND sid = my_sid RETURNING number
    ), told AS (
        INSERT INTO kept.news (number, by_sid, old_sid, old_number, after)
            SELECT newest + row_number() OVER (ORDER BY number), my_sid, my_sid, number, shown FROM left_here
            RETURNING number
    )
    SELECT count(*) INTO gone FROM told;
    IF gone > 0 THEN
        UPDATE kept.presence SET last = newest + gone;
        PERFORM pg_notify('kept', 'p ' || newest + gone);
    END IF;
END $$;

CREATE FUNCTION kept.renew(new_generation text, new_mark text, ends_kept integer, at_base boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM kept.move(new_mark);
    UPDATE kept.house SET generation = new_generation;
    UPDATE kept.ends e SET last = r.last
        FROM (SELECT name, CASE WHEN at_base THEN least(base, last) ELSE last END AS last FROM kept.rooms) r
        WHERE r.name = e.room AND e.last > r.last;
    INSERT INTO kept.ends (room, epoch, last)
        SELECT name, epoch, CASE WHEN at_base THEN least(base, last) ELSE last END FROM kept.rooms
        ON CONFLICT (room, epoch) DO UPDATE SET last = excluded.last;
    UPDATE kept.rooms SET epoch = left(encode(sha256(convert_to(new_generation || ' ' || name, 'UTF8')), 'hex'), 16);
    DELETE FROM kept.ends WHERE number IN (
        SELECT number FROM (
            SELECT number, row_number() OVER (PARTITION BY room ORDER BY number DESC) AS age FROM kept.ends
        ) aged WHERE age > ends_kept);
END $$;

CREATE FUNCTION kept.sweep(dead text, of_beat bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    newest bigint;
    gone bigint;
BEGIN
    PERFORM 1 FROM kept.servers WHERE sid = dead AND (of_beat IS NULL OR beat = of_beat) FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT last INTO STRICT newest FROM kept.presence FOR UPDATE;
    WITH told AS (
        INSERT INTO kept.news (number, by_sid, old_sid, old_number, after)
            SELECT newest + row_number() OVER (ORDER BY p.number), '', dead, p.number, coalesce(r.last, 0)
            FROM kept.places p LEFT JOIN kept.rooms r ON r.name = p.room WHERE p.sid = dead
            RETURNING number
    )
    SELECT count(*) INTO gone FROM told;
    DELETE FROM kept.servers WHERE sid = dead;
    UPDATE kept.done SET swept = now() WHERE sid = dead;
    UPDATE kept.claimed SET swept = now() WHERE sid = dead;
    DELETE FROM kept.done WHERE swept < now() - interval '1 day';
    DELETE FROM kept.claimed WHERE swept < now() - interval '1 day';
    UPDATE kept.presence SET last = newest + gone;
    PERFORM pg_notify('kept', 'p ' || newest + gone);
    RETURN true;
END $$;

CREATE FUNCTION kept."trim"(my_sid text, of_room text, new_first bigint, ids_first bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM kept.is_done(my_sid, 0);
    DELETE FROM kept.entries WHERE room = of_room AND seq < new_first;
    DELETE FROM kept.ids WHERE room = of_room AND seq < ids_first;
    UPDATE kept.rooms SET first = new_first WHERE name = of_room AND first < new_first;
END $$;

CREATE TABLE kept.claimed (
    sid text NOT NULL,
    number bigint NOT NULL,
    answer jsonb,
    swept timestamp with time zone
)
WITH (fillfactor='50');

CREATE TABLE kept.done (
    sid text NOT NULL,
    number bigint NOT NULL,
    seqs bigint[],
    times double precision[],
    kinds smallint[],
    swept timestamp with time zone
)
WITH (fillfactor='50');

CREATE TABLE kept.ends (
    number bigint NOT NULL,
    room text NOT NULL COLLATE pg_catalog."C",
    epoch text NOT NULL,
    last bigint NOT NULL
);

ALTER TABLE kept.ends ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kept.ends_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kept.entries (
    room text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    "time" double precision NOT NULL,
    nick text NOT NULL,
    text text NOT NULL,
    action boolean NOT NULL
);

CREATE TABLE kept.facts (
    kind text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    value text,
    version bigint NOT NULL
);

CREATE TABLE kept.house (
    one boolean DEFAULT true NOT NULL,
    layout integer NOT NULL,
    generation text NOT NULL,
    mark text NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    was text DEFAULT ''::text NOT NULL,
    base bigint DEFAULT 0 NOT NULL,
    CONSTRAINT house_one_check CHECK (one)
);

CREATE TABLE kept.ids (
    room text NOT NULL COLLATE pg_catalog."C",
    token bytea NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    "time" double precision NOT NULL
);

CREATE TABLE kept.looks (
    skeleton text NOT NULL COLLATE pg_catalog."C",
    number bigint NOT NULL
);

CREATE TABLE kept.news (
    number bigint NOT NULL,
    by_sid text NOT NULL,
    old_sid text,
    old_number bigint,
    new_sid text,
    new_number bigint,
    room text,
    member text,
    after bigint DEFAULT 0 NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE kept.places (
    number bigint NOT NULL,
    sid text NOT NULL,
    room text NOT NULL COLLATE pg_catalog."C",
    fold text NOT NULL COLLATE pg_catalog."C",
    member text NOT NULL
);

ALTER TABLE kept.places ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kept.places_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE kept.presence (
    one boolean DEFAULT true NOT NULL,
    last bigint DEFAULT 0 NOT NULL,
    CONSTRAINT presence_one_check CHECK (one)
)
WITH (fillfactor='50');

CREATE TABLE kept.redactions (
    version bigint NOT NULL,
    room text NOT NULL COLLATE pg_catalog."C",
    seqs bigint[] NOT NULL
);

CREATE TABLE kept.rooms (
    name text NOT NULL COLLATE pg_catalog."C",
    epoch text NOT NULL,
    first bigint DEFAULT 1 NOT NULL,
    last bigint DEFAULT 0 NOT NULL,
    "time" double precision DEFAULT 0 NOT NULL,
    base bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE kept.servers (
    sid text NOT NULL,
    beat bigint DEFAULT 0 NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    watchers text DEFAULT '{}'::text NOT NULL
)
WITH (fillfactor='50');

INSERT INTO kept.claimed VALUES ('7661f3599a861f73', 2, '["7661f3599a861f73", 2, 3, [[2, null]]]', NULL);

INSERT INTO kept.done VALUES ('e711f2298f112f37', 0, NULL, NULL, NULL, '2026-11-28 07:29:48.131899+00');
INSERT INTO kept.done VALUES ('7661f3599a861f73', 0, NULL, NULL, NULL, NULL);

INSERT INTO kept.ends OVERRIDING SYSTEM VALUE VALUES (1, 'lobby', '2aceefc888109c80', 3);
INSERT INTO kept.ends OVERRIDING SYSTEM VALUE VALUES (2, 'ops', 'a10e38a2b9179dd4', 1);

INSERT INTO kept.entries VALUES ('lobby', 1, 1795827891.469003, 'nadia', 'hi there', false);
INSERT INTO kept.entries VALUES ('lobby', 3, 1795827891.469003, 'ci', 'deploy done ✓', false);
INSERT INTO kept.entries VALUES ('ops', 1, 1795827891.480994, 'Rajat', 'first', false);
INSERT INTO kept.entries VALUES ('lobby', 2, 1795827891.469003, '', '', false);

INSERT INTO kept.facts VALUES ('operator', 'SHA256:abc', '1', 1);
INSERT INTO kept.facts VALUES ('room', 'lobby', '{"topic": "a freeze"}', 1);
INSERT INTO kept.facts VALUES ('ban', 'gone', NULL, 2);

INSERT INTO kept.house VALUES (true, 2, '17aff6b23c577209005d3641b9ac0ca7', '7713121250898918254/00000001/16385/16386/1795850987.312291', 3, '7713022034648279077/00000001/16385/16386/1795827890.779531', 3);

INSERT INTO kept.ids VALUES ('lobby', '\x9ff3b94b55cd6532257d419bff8304f03985239fc55d07fffb6316b7060d296c', 'once', 3, 1795827891.469003);

INSERT INTO kept.looks VALUES ('nadia', 1);
INSERT INTO kept.looks VALUES ('omar', 2);

INSERT INTO kept.news VALUES (1, '7661f3599a861f73', NULL, NULL, '7661f3599a861f73', 1, 'lobby', '{"nick":"nadia","since":0.0}', 0, '2026-11-28 07:29:48.147397+00');
INSERT INTO kept.news VALUES (2, '7661f3599a861f73', NULL, NULL, '7661f3599a861f73', 2, 'lobby', '{"nick":"omar","since":0.0}', 0, '2026-11-28 07:29:48.199781+00');

INSERT INTO kept.places OVERRIDING SYSTEM VALUE VALUES (1, '7661f3599a861f73', 'lobby', 'nadia', '{"nick":"nadia","since":0.0}');
INSERT INTO kept.places OVERRIDING SYSTEM VALUE VALUES (2, '7661f3599a861f73', 'lobby', 'omar', '{"nick":"omar","since":0.0}');

INSERT INTO kept.presence VALUES (true, 2);

INSERT INTO kept.redactions VALUES (3, 'lobby', '{2}');

INSERT INTO kept.rooms VALUES ('lobby', '382d891691b67461', 1, 3, 1795827891.469003, 3);
INSERT INTO kept.rooms VALUES ('ops', '3c58c095a8610a32', 1, 1, 1795827891.480994, 1);

INSERT INTO kept.servers VALUES ('7661f3599a861f73', 0, 3, 'chat1:5500', '{}');

SELECT pg_catalog.setval('kept.ends_number_seq', 2, true);

SELECT pg_catalog.setval('kept.places_number_seq', 2, true);

ALTER TABLE ONLY kept.claimed
    ADD CONSTRAINT claimed_pkey PRIMARY KEY (sid);

ALTER TABLE ONLY kept.done
    ADD CONSTRAINT done_pkey PRIMARY KEY (sid);

ALTER TABLE ONLY kept.ends
    ADD CONSTRAINT ends_pkey PRIMARY KEY (room, epoch);

ALTER TABLE ONLY kept.entries
    ADD CONSTRAINT entries_pkey PRIMARY KEY (room, seq);

ALTER TABLE ONLY kept.facts
    ADD CONSTRAINT facts_pkey PRIMARY KEY (kind, key);

ALTER TABLE ONLY kept.house
    ADD CONSTRAINT house_pkey PRIMARY KEY (one);

ALTER TABLE ONLY kept.ids
    ADD CONSTRAINT ids_pkey PRIMARY KEY (room, token, id);

ALTER TABLE ONLY kept.looks
    ADD CONSTRAINT looks_pkey PRIMARY KEY (skeleton, number);

ALTER TABLE ONLY kept.news
    ADD CONSTRAINT news_pkey PRIMARY KEY (number);

ALTER TABLE ONLY kept.places
    ADD CONSTRAINT places_pkey PRIMARY KEY (number);

ALTER TABLE ONLY kept.places
    ADD CONSTRAINT places_room_fold_key UNIQUE (room, fold);

ALTER TABLE ONLY kept.presence
    ADD CONSTRAINT presence_pkey PRIMARY KEY (one);

ALTER TABLE ONLY kept.redactions
    ADD CONSTRAINT redactions_pkey PRIMARY KEY (version);

ALTER TABLE ONLY kept.rooms
    ADD CONSTRAINT rooms_pkey PRIMARY KEY (name);

ALTER TABLE ONLY kept.servers
    ADD CONSTRAINT servers_pkey PRIMARY KEY (sid);

CREATE INDEX facts_by_version ON kept.facts USING btree (version);

CREATE INDEX facts_removed ON kept.facts USING btree (version) WHERE (value IS NULL);

CREATE INDEX ids_by_seq ON kept.ids USING btree (room, seq);

CREATE INDEX looks_by_number ON kept.looks USING btree (number);

CREATE INDEX places_by_sid ON kept.places USING btree (sid);

ALTER TABLE ONLY kept.looks
    ADD CONSTRAINT looks_number_fkey FOREIGN KEY (number) REFERENCES kept.places(number) ON DELETE CASCADE;

ALTER TABLE ONLY kept.places
    ADD CONSTRAINT places_sid_fkey FOREIGN KEY (sid) REFERENCES kept.servers(sid) ON DELETE CASCADE;
