"""The headings in the list of commands, in order."""

START, LOOK, MANAGE, ROLES = "Start", "Look", "Manage", "Roles that `up` starts, alone"
