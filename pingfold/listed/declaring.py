"""Commands for a project that stands in files."""

from pingfold.lazy_commands import Group, Lazy
from pingfold.listed.panels import MANAGE

COMMANDS: dict[str, Lazy | Group] = {
    "apply": Lazy(
        "pingfold.commands.apply:apply",
        "Make a project as YAML files declare it: show what would change, ask, and do it.",
        MANAGE,
    ),
    "export": Lazy(
        "pingfold.commands.apply:export_project",
        "Write what is there as a file that `pingfold apply` takes.",
        MANAGE,
    ),
    "schema": Lazy(
        "pingfold.commands.apply:schema",
        "Print the JSON Schema of the files that `pingfold apply` takes.",
        MANAGE,
    ),
}
