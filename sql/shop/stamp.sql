-- name: function
-- The stamp of every row: when it was last written, by the server's clock. What the client sends is not trusted.
-- clock_timestamp(), not now(): the watermark of the sync counts from the moment of writing, not from BEGIN.
CREATE FUNCTION shop.stamp_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog
AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END;
$$;
