-- The role and the database of chatctl's servers, and the role that standbys copy with: as the superuser, at the primary,
--
--   psql -v ON_ERROR_STOP=1 -f roles.sql
--
-- then \password chat and \password standby. The servers' role owns its schema, and has no right beyond it. This comes
-- before synchronous_standby_names is set: with it, and no standby yet, every change waits for ever. The order of all
-- steps: docs/scaling.md, "A primary and a standby".

SET synchronous_commit = local;

-- Twenty servers, each with a backup or an export.
CREATE ROLE chat LOGIN CONNECTION LIMIT 80;
CREATE ROLE standby LOGIN REPLICATION;
CREATE DATABASE chat ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE chat FROM PUBLIC;
GRANT CONNECT ON DATABASE chat TO chat;

\connect chat
SET synchronous_commit = local;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA chatctl AUTHORIZATION chat;
