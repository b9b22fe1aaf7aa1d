"""Reports on Apache Spark, over a lake: the same answers as DuckDB's, or a refusal with its reason.

A statement is translated from DuckDB's own parse tree, not from its text: every operator is there under the name of the
function that it means, so nothing is read otherwise than DuckDB reads it. What types its parts have, DuckDB is asked,
too. Each rule says what Spark has to compute for one of them; what has no rule is refused.
"""
