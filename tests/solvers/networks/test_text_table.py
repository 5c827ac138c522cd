"""Tables as text."""

from __future__ import annotations

from mlbreg.solvers.networks.text_table import text_table


def test_numbers_stand_to_the_right_words_to_the_left_and_none_is_a_dash() -> None:
    assert text_table(["a", "n", "x"], [["one", 1234, 0.123456], ["b", None, 2.0]]).splitlines() == [
        "a        n       x",
        "---  -----  ------",
        "one  1,234  0.1235",
        "b        –       2",
    ]


def test_a_table_without_rows_is_its_header() -> None:
    assert text_table(["a", "bc"], []) == "a  bc\n-  --"
