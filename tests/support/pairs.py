"""Write, then read with `max_staleness = 0s`: every such pair must see its own write."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import psycopg

from app import bootstrap
from jobs.sessions import OpenSessions


def run(config: Path, processes: int, pairs: int) -> list[int]:
    """The keys that some process wrote and then did not find, of `processes * pairs` pairs in all."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool:
        lost: Sequence[list[int]] = pool.starmap(_pairs, [(config, place, pairs) for place in range(processes)])
    return [key for keys in lost for key in keys]


def _pairs(config: Path, place: int, pairs: int) -> list[int]:
    settings = bootstrap.load_settings(config)
    lost, keep = [], OpenSessions()
    with psycopg.connect(settings.source.url.get_secret_value(), autocommit=True) as conn:
        for step in range(pairs):
            key = (place + 1) * 1_000_000 + step
            conn.execute("INSERT INTO public.item (id, name) VALUES (%s, 'pair')", [key])
            with bootstrap.reporting_file(settings, max_staleness=timedelta(0), sessions=keep) as store:
                if not store.query("SELECT 1 FROM public.item WHERE id = $id", {"id": key}).rows:
                    lost.append(key)
    keep.close()
    return lost
