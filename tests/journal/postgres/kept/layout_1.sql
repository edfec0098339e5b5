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

CREATE FUNCTION kept.change(my_sid text, my_number bigint, of_kind text[], of_key text[], of_value text[], in_room text, of_seq bigint[]) RETURNS bigint
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

CREATE FUNCTION kept.renew(new_generation text, new_mark text, ends_kept integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE kept.house SET generation = new_generation, mark = new_mark;
    UPDATE kept.ends e SET last = r.last FROM kept.rooms r WHERE r.name = e.room AND e.last > r.last;
    INSERT INTO kept.ends (room, epoch, last) SELECT name, epoch, last FROM kept.rooms
        ON CONFLICT (room, epoch) DO UPDATE SET last = excluded.last;
    UPDATE kept.rooms SET epoch = left(encode(sha256(convert_to(new_generation || ' ' || name, 'UTF8')), 'hex'), 16);
    DELETE FROM kept.ends WHERE number IN (
        SELECT number FROM (
            SELECT number, row_number() OVER (PARTITION BY room ORDER BY number DESC) AS age FROM kept.ends
        ) aged WHERE age > ends_kept);
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

CREATE TABLE kept.done (
    sid text NOT NULL,
    number bigint NOT NULL,
    seqs bigint[],
    times double precision[],
    kinds smallint[]
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
    CONSTRAINT house_one_check CHECK (one)
);

CREATE TABLE kept.ids (
    room text NOT NULL COLLATE pg_catalog."C",
    token bytea NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    "time" double precision NOT NULL
);

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
    "time" double precision DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE kept.servers (
    sid text NOT NULL,
    beat bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

INSERT INTO kept.done VALUES ('e711f2298f112f37', 0, NULL, NULL, NULL);

INSERT INTO kept.entries VALUES ('lobby', 1, 1795827891.469003, 'nadia', 'hi there', false);
INSERT INTO kept.entries VALUES ('lobby', 3, 1795827891.469003, 'ci', 'deploy done ✓', false);
INSERT INTO kept.entries VALUES ('ops', 1, 1795827891.480994, 'Rajat', 'first', false);
INSERT INTO kept.entries VALUES ('lobby', 2, 1795827891.469003, '', '', false);

INSERT INTO kept.facts VALUES ('operator', 'SHA256:abc', '1', 1);
INSERT INTO kept.facts VALUES ('room', 'lobby', '{"topic": "a freeze"}', 1);
INSERT INTO kept.facts VALUES ('ban', 'gone', NULL, 2);

INSERT INTO kept.house VALUES (true, 1, '5463744006abdab04bebeba87fff27ee', '7713022034648279077/00000001/16385/16386/1795827890.779531', 3);

INSERT INTO kept.ids VALUES ('lobby', '\x9ff3b94b55cd6532257d419bff8304f03985239fc55d07fffb6316b7060d296c', 'once', 3, 1795827891.469003);

INSERT INTO kept.redactions VALUES (3, 'lobby', '{2}');

INSERT INTO kept.rooms VALUES ('lobby', '2aceefc888109c80', 1, 3, 1795827891.469003);
INSERT INTO kept.rooms VALUES ('ops', 'a10e38a2b9179dd4', 1, 1, 1795827891.480994);

INSERT INTO kept.servers VALUES ('e711f2298f112f37', 0);

SELECT pg_catalog.setval('kept.ends_number_seq', 1, false);

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

ALTER TABLE ONLY kept.redactions
    ADD CONSTRAINT redactions_pkey PRIMARY KEY (version);

ALTER TABLE ONLY kept.rooms
    ADD CONSTRAINT rooms_pkey PRIMARY KEY (name);

ALTER TABLE ONLY kept.servers
    ADD CONSTRAINT servers_pkey PRIMARY KEY (sid);

CREATE INDEX facts_by_version ON kept.facts USING btree (version);

CREATE INDEX facts_removed ON kept.facts USING btree (version) WHERE (value IS NULL);

CREATE INDEX ids_by_seq ON kept.ids USING btree (room, seq);

ALTER TABLE ONLY kept.done
    ADD CONSTRAINT done_sid_fkey FOREIGN KEY (sid) REFERENCES kept.servers(sid) ON DELETE CASCADE;
