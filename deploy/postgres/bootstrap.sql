-- Roles and databases of the four services, for psql. Safe to run again: passwords and rights are
-- brought up to date, data are left alone. Expects a variable <role>_password for every role.
--
-- Each service has a role that owns its database and tables, used by migrations only, and a role
-- that may read and write rows. A migration may take rights away from the latter again.
\set QUIET on
\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I', role)
FROM unnest(ARRAY[
    'intake', 'intake_owner', 'points', 'points_owner',
    'partners', 'partners_owner', 'notify', 'notify_owner'
]) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec

ALTER ROLE intake LOGIN PASSWORD :'intake_password';
ALTER ROLE intake_owner LOGIN PASSWORD :'intake_owner_password';
ALTER ROLE points LOGIN PASSWORD :'points_password';
ALTER ROLE points_owner LOGIN PASSWORD :'points_owner_password';
ALTER ROLE partners LOGIN PASSWORD :'partners_password';
ALTER ROLE partners_owner LOGIN PASSWORD :'partners_owner_password';
ALTER ROLE notify LOGIN PASSWORD :'notify_password';
ALTER ROLE notify_owner LOGIN PASSWORD :'notify_owner_password';

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0', service, service || '_owner')
FROM unnest(ARRAY['intake', 'points', 'partners', 'notify']) AS service
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = service)
\gexec

REVOKE ALL ON DATABASE postgres, template1, intake, points, partners, notify FROM PUBLIC;

\set service intake
\ir rights.psql
\set service points
\ir rights.psql
\set service partners
\ir rights.psql
\set service notify
\ir rights.psql
