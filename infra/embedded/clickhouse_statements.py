"""Which statements the embedded ClickHouse runs, beyond what the engine itself refuses. Pure.

The engine refuses what is not granted (clickhouse_users.xml). Some of what reaches files or the network needs no grant
there, because the engine takes itself for its user's own program: the function `file`, INTO OUTFILE, FROM INFILE,
scripts, several statements at once. So a statement is judged here in the form in which the engine writes it down again
(one statement, no comments, one way of quoting, no escapes in names), and it is run in that form, too.
"""

import re

from infra.embedded.clickhouse_http import StatementRejected

# Functions of values that reach files or the network. They can be named without being called (`arrayMap(file, x)`), so
# these names are refused wherever they stand outside of text.
_FUNCTIONS = frozenset(
    {
        "aiclassify", "aiembed", "aiextract", "aifilter", "aigenerate", "airedact", "aisimilarity", "aitranslate",
        "catboostevaluate", "file",
    }
)  # fmt: skip

# Table functions that read nothing from outside. Most of the others read files, addresses or programs, and `eval` runs
# text; what a later engine adds is refused until it stands here.
_TABLE_FUNCTIONS = frozenset(
    {
        "format", "generate_series", "generaterandom", "generateseries", "input", "null", "numbers", "numbers_mt",
        "primes", "values", "view", "zeros", "zeros_mt",
    }
)  # fmt: skip

# A parameter of this type becomes a name after the statement has been judged.
_NAME_TYPE = "identifier"

# The engine's own database: it shows files as tables.
_FILES = "default"

# Disks of a table's own: the engine makes their folders before it refuses them.
_DISK = "disk"

_TOKEN = re.compile(
    r"""'(?:[^'\\]++|\\.)*+'
        |\{[^{}:]*:(?P<parameter>[^{}]*)\}
        |(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|`(?P<quoted>(?:[^`\\]++|\\.)*+)`)(?:(?P<call>\()|(?P<part>\.))?
        |.""",
    re.VERBOSE | re.DOTALL,
)
# A table of one session, and there are no sessions.
_TEMPORARY = re.compile(r"(?:CREATE|REPLACE|CREATE OR REPLACE) TEMPORARY ")
_DATA_FOLLOWS = re.compile(r" FORMAT ([A-Za-z][A-Za-z0-9]*)\Z")


def refused_table_functions(known: frozenset[str]) -> frozenset[str]:
    """Of the table functions that an engine knows those that may not be used, in small letters."""
    return frozenset(name.lower() for name in known) - _TABLE_FUNCTIONS | {_DISK}


def check_statement(text: str, refused: frozenset[str]) -> None:
    """Raise `StatementRejected` for a statement that reaches outside. text: as the engine writes it down again;
    refused: table functions, in small letters."""
    if _TEMPORARY.match(text):
        raise StatementRejected(48, "The embedded ClickHouse does not have temporary tables. (NOT_IMPLEMENTED)")
    before = ""
    for token in _TOKEN.finditer(text):
        if _NAME_TYPE in (token["parameter"] or "").lower():
            raise _not_allowed("a parameter of type Identifier")
        name = (token["word"] or token["quoted"] or "").lower()
        if not name:
            continue
        if name in _FUNCTIONS:
            raise _not_allowed(f"the name '{name}'")
        if token["call"] and name in refused:
            raise _not_allowed(f"'{name}(...)'")
        if name == _FILES and (token["part"] or before in ("use", "from", "in")):
            raise _not_allowed(
                f"the database '{_FILES}', which shows files (leave it out: tables are found without it),"
            )
        if (before, name) in (("into", "outfile"), ("from", "infile")):
            raise _not_allowed(f"{before} {name}".upper())
        before = name


def insert_head(text: str, insert_format: str) -> str:
    """What stands before FORMAT in an INSERT that the engine has written down.

    Raises `StatementRejected` for anything else.
    """
    found = _DATA_FOLLOWS.search(text)
    if found is None or found[1] != insert_format or not text.startswith("INSERT INTO "):
        raise StatementRejected(
            62, "Syntax error: rows are expected behind INSERT INTO ... FORMAT or VALUES. (SYNTAX_ERROR)"
        )
    return text[: found.start()]


def check_no_rows(text: str) -> None:
    """Raise `StatementRejected` for a statement whose rows could not be told from further statements."""
    if _DATA_FOLLOWS.search(text) and re.match(r"(?:EXPLAIN .*)?INSERT ", text, re.DOTALL):
        raise StatementRejected(62, "Syntax error: it is not clear where the rows of this INSERT begin. (SYNTAX_ERROR)")


def _not_allowed(what: str) -> StatementRejected:
    return StatementRejected(
        497, f"{what} may not be used in the embedded ClickHouse: no files, no network. (ACCESS_DENIED)"
    )
