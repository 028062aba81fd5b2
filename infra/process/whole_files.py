"""Files that others read at any time: they find what was there before or what is there now, never a part of it.

Nothing is synced: what must survive a power cut is written by `infra.secrets.private_files`.
"""

import os
from pathlib import Path


def replace_file(path: Path, text: str) -> None:
    """Replace a file by this text, through one beside it that no other process writes. Raises `OSError`."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_text(text)
    draft.replace(path)
