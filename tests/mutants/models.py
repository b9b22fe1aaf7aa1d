"""Mutants of the upkeep of read models."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

DIRECTED = "tests/integration/test_models_random.py::test_a_batch_that_chance_does_not_find"
RANDOM = "tests/integration/test_models_random.py::test_drawn_models_follow_random_changes"
ABOVE = "tests/integration/test_models_random.py::test_models_above_follow_what_changed_below"
RUNS = "tests/integration/test_models.py::"
ANEW = RUNS + "test_a_table_that_is_copied_anew_has_its_models_built_anew"

MUTANTS = (
    Mutant(
        "only new rows of a table move its models",
        "jobs/models/moved.py",
        'f"(SELECT {names} FROM {old} UNION ALL SELECT {names} FROM {new})"',
        'f"(SELECT {names} FROM {new})"',
        DIRECTED,
    ),
    Mutant(
        "only old rows of a table move its models",
        "jobs/models/moved.py",
        'f"(SELECT {names} FROM {old} UNION ALL SELECT {names} FROM {new})"',
        'f"(SELECT {names} FROM {old})"',
        DIRECTED,
    ),
    Mutant(
        "moved rows meet their partners only as they are now",
        "jobs/models/relations.py",
        "if name not in self.moved:\n            return place.out(name)",
        "if True:\n            return place.out(name)",
        DIRECTED,
    ),
    Mutant(
        "moved rows meet all partners only as they lie in the file",
        "jobs/models/affected.py",
        "sides.either(one.table) if one in after else place.out(one.table)",
        "place.out(one.table)",
        DIRECTED,
    ),
    Mutant(
        "rows that moved themselves are not worked out again",
        "jobs/models/driven.py",
        "    if own is not None:\n        parts.append(",
        "    if False:\n        parts.append(",
        DIRECTED,
    ),
    Mutant(
        "the row of a key that went stays",
        "jobs/models/driven.py",
        "sources = [rows, own.old] if own is not None and own.gone != 0 else [rows]",
        "sources = [rows]",
        DIRECTED,
    ),
    Mutant(
        "affected rows are added as they were",
        "jobs/models/relations.py",
        'return self.scratch.make(f"{stay} UNION ALL SELECT {columns} FROM {come}")',
        "return rows",
        DIRECTED,
    ),
    Mutant(
        "rows that came are affected whichever they are",
        "jobs/models/relations.py",
        'come = f"{moved.new} AS {quoting.identifier(alias)} SEMI JOIN {units} AS neaptide_k ON {same}"',
        "come = moved.new",
        DIRECTED,
    ),
    Mutant(
        "a change of what a model reads is none where other columns changed more often",
        "jobs/models/moved.py",
        "not any(self._by_column[name] for name in columns)",
        "True",
        DIRECTED,
    ),
    Mutant(
        "a condition on a side that may be absent is kept while keys are looked for",
        "jobs/models/affected.py",
        "yield from (term for term in branch.where if term.refs <= set(used) and not term.refs & optional)",
        "yield from (term for term in branch.where if term.refs <= set(used))",
        DIRECTED,
    ),
    Mutant(
        "a key that is NULL meets nothing",
        "jobs/models/selecting.py",
        "'IS NOT DISTINCT FROM' if name in nulls else '='",
        "'='",
        DIRECTED,
    ),
    Mutant(
        "the old row of a key that is NULL stays",
        "jobs/models/selecting.py",
        "WHERE {same(own(key), nulls)}",
        "WHERE {same(own(key), ())}",
        DIRECTED,
    ),
    Mutant(
        "keys of two columns are looked up column by column",
        "jobs/models/selecting.py",
        "WHERE {same(own(key), nulls)}",
        "WHERE {' OR '.join(same({name: term}, nulls) for name, term in own(key).items())}",
        DIRECTED,
    ),
    Mutant(
        "a group of sums lives on without rows",
        "jobs/models/sums.py",
        'having = f" HAVING sum({ROWS}) <> 0" if shape.groups else ""',
        'having = ""',
        DIRECTED,
    ),
    Mutant(
        "a sum of no values is nought",
        "jobs/models/sums.py",
        "if count in self.hidden:",
        "if False:",
        DIRECTED,
    ),
    Mutant(
        "the first input of sums is told apart by what the SELECT reads",
        "jobs/models/relations.py",
        "list(dict.fromkeys([*columns, *also.get(name, ())]))",
        "columns",
        DIRECTED,
    ),
    Mutant(
        "nought below nought is the same",
        "jobs/models/scratch.py",
        "for name, kind in columns.items() if values.is_unsure(kind)]",
        "for name, kind in columns.items() if False]",
        RUNS + "test_a_table_without_a_key_and_soft_deletes",
    ),
    Mutant(
        "fields are called like the columns that they are made of",
        "jobs/models/analysis/names.py",
        'before["alias"] or (_own_name(after) if naming else "")',
        '""',
        DIRECTED,
    ),
    Mutant(
        "GROUP BY ALL of constants has no group where there are no rows",
        "jobs/models/analysis/parts.py",
        "if terms and not any(term.refs for term in terms):",
        "if False:",
        "tests/unit/models/test_analysis.py::test_the_cheapest_exact_upkeep",
    ),
    Mutant(
        "a condition on groups is kept while keys are looked for",
        "jobs/models/affected.py",
        """    return f"SELECT {fields} FROM {sources}" + (f" WHERE {where}" if where else "")
""",
        """    found = f"SELECT {fields} FROM {sources}" + (f" WHERE {where}" if where else "")
    return found + (f" GROUP BY ALL HAVING {branch.having}" if branch.having else "")
""",
        DIRECTED,
    ),
    Mutant(
        "a way leads through a side that may be absent",
        "jobs/models/affected.py",
        """            if one.optional:
                edges[one.alias] |= term.refs - {one.alias}
""",
        """            if one.optional:
                edges[one.alias] |= term.refs - {one.alias}
                for alias in term.refs - {one.alias}:
                    edges[alias].add(one.alias)
""",
        DIRECTED,
    ),
    Mutant(
        "values that are counted once are those of the rows that moved",
        "jobs/models/analysis/kinds.py",
        "return (mine[0],)",
        "return own",
        DIRECTED,
    ),
    Mutant(
        "columns of two types that are equal have one value",
        "jobs/models/analysis/shapes.py",
        " and len({kind(one) for one in term.equal}) == 1:",
        ":",
        "tests/unit/models/test_analysis.py::test_what_is_counted_once_is_the_key_of_a_parent",
    ),
    Mutant(
        "a model's file that was read is not looked at again",
        "jobs/models/file.py",
        "unsure = now if now - max(status.st_mtime_ns, status.st_ctime_ns) < _SETTLED else 0",
        "unsure = 0",
        "tests/integration/test_models_many.py::test_a_file_is_read_again_when_it_changed",
    ),
    Mutant(
        "every run looks at every model",
        "jobs/models/upkeep.py",
        "if replaced.keys() & set(one.tables))",
        "if replaced.keys())",
        "tests/integration/test_models_many.py::test_a_run_looks_at_the_models_whose_tables_changed",
    ),
    Mutant(
        "a constant of a key is of every part of a UNION ALL",
        "jobs/models/restricted.py",
        "if len(aliases) == 1 and all(term.refs for term in terms.values()):",
        "if len(aliases) == 1:",
        DIRECTED,
    ),
    Mutant(
        "a SELECT that DuckDB can't plan is taken for damage of the file",
        "jobs/models/upkeep.py",
        "errors.UnsupportedValue) or _is_internal(error)",
        "errors.UnsupportedValue)",
        "tests/unit/models/test_order.py::test_what_duckdb_can_not_plan_is_a_matter_of_its_model_and_damage_is_not",
    ),
    Mutant(
        "a model above is told nothing of what changed below",
        "jobs/models/upkeep.py",
        "if done.moved is not None:",
        "if False:",
        ABOVE,
    ),
    Mutant(
        "what a SELECT reads without its name moves nothing",
        "jobs/models/upkeep.py",
        'return self._rebuilt(name, analysis, one.saved, "input", "an input changed")',
        'return Done("whole")',
        "tests/integration/test_models_names.py::test_a_column_is_followed_by_any_spelling",
    ),
    Mutant(
        "a table that was copied anew leaves its models as they were",
        "jobs/models/standing.py",
        "replaced = next((table for table in one.tables if table not in models.current), None)",
        "replaced = None",
        ANEW,
    ),
    Mutant(
        "a model that failed leaves its table as it was",
        "jobs/models/upkeep.py",
        "stale = [name for name, one in known.items() if not one.is_current]",
        "stale = list[str]()",
        RUNS + "test_a_model_that_fails_costs_itself_and_those_above_and_heals",
    ),
    Mutant(
        "a run with nothing to do doesn't look at the models' files",
        "jobs/models/standing.py",
        "if models.by_name.keys() != wanted.keys():\n        return True",
        "return False",
        RUNS + "test_a_model_is_altered_added_and_removed",
    ),
    Mutant(
        "a report takes read models for parameters that they can't answer",
        "app/queries/reports.py",
        "!= wanted for name, wanted in instead.values):",
        "!= wanted for name, wanted in ()):",
        "tests/integration/test_models_shop.py::test_a_report_says_the_same_of_models_and_of_tables",
    ),
    Mutant(
        "a report takes read models that are not in the file",
        "app/queries/reports.py",
        "return instead.models <= models",
        "return True",
        "tests/integration/test_reports_all.py::test_a_report_on_empty_tables_is_empty",
    ),
    Mutant(
        "rows of a model of sums are looked for in its view",
        "jobs/models/planning.py",
        "return place.behind(name)",
        "return place.out(name)",
        ABOVE,
    ),
    Mutant(
        "verify does not look at what is hidden behind a model of sums",
        "jobs/models/making.py",
        'if analysis.kind != "sums":\n        return analysis.columns, analysis.text, place.out(name)',
        "if True:\n        return analysis.columns, analysis.text, place.out(name)",
        "tests/integration/test_models_mended.py::test_what_lies_hidden_behind_a_model_of_sums_is_compared_too",
    ),
    Mutant(
        "a run's record has the models only that were kept within its transaction",
        "jobs/record/runs.py",
        'return model_runs.of(end["run_id"], end["models"]) if end.get("models") else ()',
        "return ()",
        "tests/integration/test_run_records.py::test_what_each_run_did_to_the_models_is_told_at_once_and_for_good",
    ),
    Mutant(
        "what was measured is believed however far it is from what is asked",
        "jobs/models/costs.py",
        "return max(FEW, equal) if equal is not None and equal <= far else max(least, far)",
        "return max(FEW, equal) if equal is not None else max(least, far)",
        "tests/unit/models/test_costs.py::test_so_many_keys_are_worked_out_again_at_most",
    ),
    Mutant(
        "a model is made anew by its share of keys alone, whatever that takes",
        "jobs/models/upkeep.py",
        "if restricted.count > known.threshold(rows):",
        "if restricted.count > max(1000, rows // 4):",
        "tests/integration/test_models_random.py::test_the_cheaper_way_is_taken_and_said_by_what_either_took_before",
    ),
    Mutant(
        "of customers that bought alike the first found is the best",
        "sql/reports/_models_best_accounts.sql",
        "whole.net >= least.net",
        "whole.net > least.net",
        "tests/integration/test_models_shop.py::test_customers_that_are_not_in_the_file_or_bought_alike_keep_their_places",
    ),
    Mutant(
        "a customer who is not in the file takes a place",
        "sql/reports/_models_best_accounts.sql",
        "    WHERE COALESCE(sales.customer_id, returns.customer_id) IN (SELECT id FROM shop.customers)\n",
        "",
        "tests/integration/test_models_shop.py::test_customers_that_are_not_in_the_file_or_bought_alike_keep_their_places",
    ),
)
