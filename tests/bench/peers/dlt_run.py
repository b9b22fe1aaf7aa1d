"""One run of dlt, in dlt's own environment: reads what to do as JSON from stdin, writes its seconds to stdout."""

import json
import sys
import time


def main() -> None:
    given = json.load(sys.stdin)
    import dlt  # type: ignore[import-not-found]
    from dlt.sources.sql_database import sql_table  # type: ignore[import-not-found]

    schema, _, name = given["table"].partition(".")
    began = time.monotonic()
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=given["state"],
        destination=dlt.destinations.duckdb(given["path"]),
        dataset_name=schema,
    )
    table = sql_table(
        credentials=given["url"].replace("postgresql", "postgresql+psycopg2", 1),
        schema=schema,
        table=name,
        backend=given["backend"],
        chunk_size=100_000,
        reflection_level="full_with_precision",
        # Without a key here dlt does not look for rows it has read before, which is faster; the merge finds them.
        incremental=dlt.sources.incremental("updated_at", primary_key=()) if given["incremental"] else None,
    )
    table.apply_hints(primary_key="id")
    pipeline.run(table, write_disposition=given["disposition"], loader_file_format="parquet")
    print(json.dumps({"seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main()
