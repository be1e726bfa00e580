-- The one clock that decides about time. Its offset is zero but in tests, which move it by writing the Clock row.
-- plpgsql resolves the table when it runs, so that the function can come before the tables whose defaults call it.
CREATE FUNCTION moorline_now() RETURNS timestamptz LANGUAGE plpgsql VOLATILE PARALLEL SAFE AS $$
DECLARE
  moved bigint;
BEGIN
  SELECT "offsetMs" INTO moved FROM "Clock" WHERE "id" = 1;
  RETURN date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => COALESCE(moved, 0) / 1000.0);
END
$$;
