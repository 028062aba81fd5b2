"""Commands of the command line: those for operators, and those that talk to a running Pingfold."""
