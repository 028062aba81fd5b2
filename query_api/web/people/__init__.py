"""People who sign in: sessions, passwords, codes, invitations, roles."""
