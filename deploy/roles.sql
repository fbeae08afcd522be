-- The roles Vigie works under, for a PostgreSQL of your own (15 or newer). Run once as an administrator:
--   psql -v owner_secret=… -v web_secret=… -v worker_secret=… -f deploy/roles.sql
-- None of them may get around row-level security; only the owner may change tables, and no process works as the owner.
CREATE ROLE vigie_owner  LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_secret';
CREATE ROLE vigie_web    LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'web_secret';
CREATE ROLE vigie_worker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'worker_secret';
CREATE DATABASE vigie OWNER vigie_owner ENCODING 'UTF8' TEMPLATE template0;
