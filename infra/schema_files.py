"""`python -m infra.schema_files`: writes the published JSON Schemas (`schemas/json/`) from the code.

For developers, in a source tree: to be run after any change of a type in `schemas/`; a test fails until it was.
"""

from pathlib import Path

from schemas.published import files

FOLDER = Path(__file__).resolve().parents[1] / "schemas" / "json"


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of the files that are missing, differ from the code, or belong to no type."""
    wanted, there = files(), {path.name: path.read_bytes() for path in folder.glob("*")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def write(folder: Path = FOLDER) -> list[str]:
    """Make the folder hold exactly the published files; gives the names of those that changed."""
    wanted, changed = files(), stale(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in wanted:
            (folder / name).write_bytes(wanted[name])
        else:
            (folder / name).unlink()
    return changed


def main() -> None:
    changed = write()
    print(f"{FOLDER}: {', '.join(changed) or 'up to date'}")


if __name__ == "__main__":
    main()
