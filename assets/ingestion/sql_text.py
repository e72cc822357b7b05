"""Small pieces of SQL that the door's queries are put together from."""


def sql_text(value: str) -> str:
    """``value`` as an SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def named_sql(name: str, value: str, body: str) -> str:
    """``body`` with ``name`` standing for ``value``, which is computed once for each row.

    A lambda over a list of one is the way to name a value within an expression. It costs a few
    nanoseconds a row, and about as much again for each function of a large body: keep it small.
    """
    return f"list_transform([{value}], lambda {name}: {body})[1]"


def matches_sql(given: str, regex: str, *, blanks: bool = True) -> str:
    """Whether the whole text of ``given`` is as the RE2 expression, with ``blanks`` around it."""
    whole = rf"\s*(?:{regex})\s*" if blanks else regex
    return f"regexp_full_match({given}, {sql_text(whole)})"
