BEGIN;
SET LOCAL lock_timeout = '3s';
CREATE SCHEMA IF NOT EXISTS neaptide;
CREATE TABLE IF NOT EXISTS neaptide.tombstone (
    relid oid NOT NULL,
    key jsonb,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    deleted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS tombstone_xid ON neaptide.tombstone (xid);
CREATE TABLE IF NOT EXISTS neaptide.purge (
    relid oid CONSTRAINT purge_pkey PRIMARY KEY,
    xid xid8 NOT NULL,
    purged_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE OR REPLACE FUNCTION neaptide.stamp_{oid}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW."updated_at" := clock_timestamp(); RETURN NEW; END $$;
COMMENT ON FUNCTION neaptide.stamp_{oid}() IS 'Neaptide 41964736d055bd14';
CREATE OR REPLACE TRIGGER "zz_neaptide_stamp" BEFORE INSERT OR UPDATE ON "shop"."item" FOR EACH ROW EXECUTE FUNCTION neaptide.stamp_{oid}();
ALTER TABLE "shop"."item" ENABLE ALWAYS TRIGGER "zz_neaptide_stamp";
COMMENT ON TRIGGER "zz_neaptide_stamp" ON "shop"."item" IS 'Neaptide 2fc2fe656143830c';
DROP INDEX IF EXISTS "shop"."neaptide_updated_at_{oid}";
CREATE INDEX "neaptide_updated_at_{oid}" ON "shop"."item" ("updated_at");
CREATE OR REPLACE FUNCTION neaptide.key_{oid}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN INSERT INTO neaptide.tombstone (relid, key) VALUES ( {oid}, jsonb_build_array(OLD."id")); RETURN NULL; END $$;
COMMENT ON FUNCTION neaptide.key_{oid}() IS 'Neaptide 682b777fe91b4ea1';
CREATE OR REPLACE FUNCTION neaptide.deleted_{oid}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN INSERT INTO neaptide.tombstone (relid, key) SELECT {oid}, jsonb_build_array(gone."id") FROM gone; RETURN NULL; END $$;
COMMENT ON FUNCTION neaptide.deleted_{oid}() IS 'Neaptide 11320cc3584c6e97';
CREATE OR REPLACE TRIGGER "neaptide_delete" AFTER DELETE ON "shop"."item" REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION neaptide.deleted_{oid}();
ALTER TABLE "shop"."item" ENABLE ALWAYS TRIGGER "neaptide_delete";
COMMENT ON TRIGGER "neaptide_delete" ON "shop"."item" IS 'Neaptide 6d10b3d0eec15a7d';
CREATE OR REPLACE TRIGGER "neaptide_key" AFTER UPDATE OF "id" ON "shop"."item" FOR EACH ROW WHEN (OLD."id" IS DISTINCT FROM NEW."id") EXECUTE FUNCTION neaptide.key_{oid}();
ALTER TABLE "shop"."item" ENABLE ALWAYS TRIGGER "neaptide_key";
COMMENT ON TRIGGER "neaptide_key" ON "shop"."item" IS 'Neaptide e4e46b5fd93e4937';
CREATE OR REPLACE FUNCTION neaptide.truncated_{oid}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN INSERT INTO neaptide.tombstone (relid, key) VALUES ( {oid}, NULL); RETURN NULL; END $$;
COMMENT ON FUNCTION neaptide.truncated_{oid}() IS 'Neaptide 9b65a6b62ae0bda2';
CREATE OR REPLACE TRIGGER "neaptide_truncate" AFTER TRUNCATE ON "shop"."item" FOR EACH STATEMENT EXECUTE FUNCTION neaptide.truncated_{oid}();
ALTER TABLE "shop"."item" ENABLE ALWAYS TRIGGER "neaptide_truncate";
COMMENT ON TRIGGER "neaptide_truncate" ON "shop"."item" IS 'Neaptide 2b7fdaaff28a6a7a';
COMMIT;
