"""Opens a file read-only, counts a table, closes it, twenty times a second at most, until told to stop."""

import sys
import threading
import time

import duckdb


def main() -> None:
    path, table = sys.argv[1:]
    enough = threading.Event()

    def wait() -> None:
        sys.stdin.readline()
        enough.set()

    threading.Thread(target=wait, daemon=True).start()
    tried = failed = 0
    print("ready", flush=True)
    while not enough.is_set():
        tried += 1
        try:
            with duckdb.connect(path, read_only=True) as session:
                session.execute(f"SELECT count(*) FROM {table}").fetchone()
        except duckdb.Error:
            failed += 1
        time.sleep(0.05)
    print(tried, failed)


if __name__ == "__main__":
    main()
