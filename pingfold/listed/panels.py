"""The headings of the list of commands, in their order."""

START, LOOK, MANAGE, ROLES = "Start", "Look", "Manage", "Roles that `up` starts, alone"
