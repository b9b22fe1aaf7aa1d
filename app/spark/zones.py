"""Time zones: Java has tables of its own of them, so both are asked before a report relies on one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from app import errors
from app.spark import forms, times
from app.spark.oracle import Oracle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DAY = 86_400_000_000


def check(spark: SparkSession, oracle: Oracle, zones: Iterable[str]) -> None:
    """Raise `errors.NotOnSpark` where a zone is not the same for both on every day from 1900 to 2100."""
    for zone in sorted(zones):
        here = oracle.zone_of_days(zone, times.FIRST_DAY, times.LAST_DAY)
        if _of_spark(spark, zone) != here:
            raise errors.NotOnSpark(f"the time zone {zone} is another on Spark", hint="leave --engine spark out")


def _of_spark(spark: SparkSession, zone: str) -> list[int]:
    midnight = f"CAST(timestamp_micros(id * {_DAY}) AS TIMESTAMP_NTZ)"
    there = f"unix_micros(CAST(convert_timezone('UTC', {forms.text(zone)}, {midnight}) AS TIMESTAMP))"
    ahead = f"CAST(({there} - id * {_DAY}) div 1000000 AS BIGINT)"
    days = f"SELECT id, {ahead} AS ahead FROM range({times.FIRST_DAY}, {times.LAST_DAY} + 1, 1, 1)"
    (row,) = spark.sql(
        f"SELECT transform(array_sort(collect_list(struct(id, ahead))), x -> x.ahead) AS a FROM ({days})"
    ).collect()
    return list(row[0])
