"""Declarations: what a project should hold, written in YAML files (docs/apply.md).

`loading` reads and judges files, `planning` compares what is declared with what is there, `executing` carries a plan
out over the REST APIs, `exporting` writes what is there as declarations. `api`, `project`, `executing` and the reading
of files do I/O; everything else is pure.
"""
