"""The layout of where a log is, and of its epochs: functions.

Lives here: SQL that defines, as a part of layout.py. Does not live here: what calls the functions (opening.py,
resuming.py).
"""

from __future__ import annotations

_MOVE = """
-- Note that the log is somewhere else: after a restart, at a standby that was promoted. Who calls it has kept out all
-- others that may.
CREATE FUNCTION {s}.move(new_mark text) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    IF new_mark = (SELECT mark FROM {s}.house) THEN
        RETURN;
    END IF;
    LOCK TABLE {s}.rooms IN SHARE ROW EXCLUSIVE MODE;
    UPDATE {s}.house SET was = mark, mark = new_mark, base = version,
        sure = CASE WHEN replicated THEN (ARRAY[mark] || sure)[1:{sure_kept}] ELSE '{}' END;
    UPDATE {s}.rooms SET base = last WHERE base <> last;
END $body$;

-- Note whether a server's session waits for a standby, before it writes anything; return whether all of them do. Where
-- standbys are waited for, it has returned when they have all that was written before, whoever wrote that.
CREATE FUNCTION {s}.tell_level(my_sid text, is_replicated boolean) RETURNS boolean LANGUAGE plpgsql AS $body$
DECLARE
    all_are boolean;
BEGIN
    SELECT h.replicated INTO all_are FROM {s}.house h JOIN {s}.servers s ON s.sid = my_sid
        WHERE s.replicated = is_replicated
            AND h.replicated = NOT EXISTS (SELECT FROM {s}.servers o WHERE NOT o.replicated);
    IF FOUND THEN
        RETURN all_are;  -- a lock is written, so who connects again would wait for a standby that is gone
    END IF;
    PERFORM 1 FROM {s}.servers WHERE sid = my_sid FOR NO KEY UPDATE;
    PERFORM 1 FROM {s}.house FOR NO KEY UPDATE;
    UPDATE {s}.servers SET replicated = is_replicated WHERE sid = my_sid;
    all_are := NOT EXISTS (SELECT FROM {s}.servers WHERE NOT replicated);
    UPDATE {s}.house SET replicated = all_are WHERE replicated <> all_are;
    RETURN all_are;
END $body$;
"""

_RENEW = """
-- Give every room a new epoch, and note where the old one ended; earlier ones ended there at the latest. at_base: what
-- follows the base was said twice under the old one, by servers that knew of what was lost and by others.
CREATE FUNCTION {s}.renew(new_generation text, new_mark text, ends_kept integer, at_base boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    LOCK TABLE {s}.rooms IN SHARE ROW EXCLUSIVE MODE;
    PERFORM {s}.move(new_mark);
    UPDATE {s}.house SET generation = new_generation;
    UPDATE {s}.ends e SET last = r.last
        FROM (SELECT name, CASE WHEN at_base THEN least(base, last) ELSE last END AS last FROM {s}.rooms) r
        WHERE r.name = e.room AND e.last > r.last;
    INSERT INTO {s}.ends (room, epoch, last)
        SELECT name, epoch, CASE WHEN at_base THEN least(base, last) ELSE last END FROM {s}.rooms
        ON CONFLICT (room, epoch) DO UPDATE SET last = excluded.last;
    UPDATE {s}.rooms SET epoch = left(encode(sha256(convert_to(new_generation || ' ' || name, 'UTF8')), 'hex'), 16);
    DELETE FROM {s}.ends WHERE number IN (
        SELECT number FROM (
            SELECT number, row_number() OVER (PARTITION BY room ORDER BY number DESC) AS age FROM {s}.ends
        ) aged WHERE age > ends_kept);
END $body$;
"""

EPOCH_FUNCTIONS = _MOVE + _RENEW
