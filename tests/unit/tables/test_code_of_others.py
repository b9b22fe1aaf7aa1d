"""Which conditions may lead to functions that are not PostgreSQL's own: those are read by a session without rights."""

from __future__ import annotations

import pytest

from jobs.tables.table import calls_code


@pytest.mark.parametrize(
    "where",
    [
        "public.own(id)", '"public" . "own" (id)', "public.own/**/(id)", "public./* a /* b */ c */own(id)",
        "public.own--x\n(id)", "id OPERATOR(public.===) 1", "id operator/**/(public.=) 1", "id::public.mytype = 1",
        'id::"Mytype" = 1', "CAST(id AS public.mytype) IS NULL", "public.email 'x' = 'y'", "public.email E'x' = 'y'",
        "EXISTS (TABLE public.seen)", "id IN (VALUES (1) UNION ALL TABLE public.seen)",
        "(SELECT true)", "v = E'\\' AND public.own(id) = '' --'", "v = $$'$$ AND public.own(id) = $$'$$",
        "v = '' -- '\n AND public.own(id) = ''", "v = '' /* ' */ AND public.own(id) = ''",
        """ "'" = 1 AND public.own(id) = "'" """, "v = 'it''s' AND public.own('') = 'x'",
    ],
)  # fmt: skip
def test_what_may_call_functions_of_others_is_told(where: str) -> None:
    assert calls_code(where)


@pytest.mark.parametrize(
    "where",
    [
        "id = ANY (ARRAY[1])", "lower(v) = 1", "public.u.id IN (1)", "t.v LIKE 'x%'", "t.currency = 'EUR' -- all",
        '"table" = 1', "id % 10 = 0", "t.b BETWEEN (1) AND (2)", "v::text = '1'", "id = 1; DROP TABLE t",
        "email = 'bob@example.com'", "v IN ('a.b', 'SELECT', 'public.own(')", "v = 'it''s.so'",
    ],
)  # fmt: skip
def test_columns_and_functions_of_postgresql_are_no_code_of_others(where: str) -> None:
    assert not calls_code(where)
