"""Measurements of Pingfold: `python -m bench NAME` starts a Pingfold of its own and prints one JSON object.

Each command says what it measures and how in its module's docstring; docs/performance.md has the results.
"""
