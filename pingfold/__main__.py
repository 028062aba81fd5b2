"""`python -m pingfold`: the command line."""

from pingfold.cli import main

main()
