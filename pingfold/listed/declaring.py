"""Commands for configuration as code."""

from pingfold.lazy_commands import Group, Lazy
from pingfold.listed.panels import MANAGE

COMMANDS: dict[str, Lazy | Group] = {
    "apply": Lazy(
        "pingfold.commands.apply:apply",
        "Apply YAML files to a project: show the changes, ask for confirmation, and make them.",
        MANAGE,
    ),
    "export": Lazy(
        "pingfold.commands.apply:export_project",
        "Write the project as a file for `pingfold apply`.",
        MANAGE,
    ),
    "schema": Lazy(
        "pingfold.commands.apply:schema",
        "Print the JSON Schema of files for `pingfold apply`.",
        MANAGE,
    ),
}
