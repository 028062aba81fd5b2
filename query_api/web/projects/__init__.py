"""Projects, their keys, reports and audit trail."""
