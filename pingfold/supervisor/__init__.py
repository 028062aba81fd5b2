"""`pingfold up`: starts every role of one machine, watches them, and stops them."""
