"""What is not installed is looked for once."""

from __future__ import annotations

import json
import sys

from app import extras


def test_a_package_that_is_not_there_is_known_not_to_be() -> None:
    extras.know_absent("nothing_of_the_name")
    try:
        assert sys.modules["nothing_of_the_name"] is None
    finally:
        del sys.modules["nothing_of_the_name"]


def test_one_that_is_there_stays_what_it_is() -> None:
    for package in ("json", "this"):
        extras.know_absent(package)
    assert sys.modules["json"] is json
    # It is not imported either.
    assert "this" not in sys.modules
