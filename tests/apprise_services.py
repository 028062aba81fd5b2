"""`python -m tests.apprise_services`: writes the table of the services of Apprise that Pingfold sends to, from the
library that is installed. A test fails while the table is another one.

A service is taken when its plugin speaks HTTP and nothing else, needs nothing that is not installed, and reads no
files. What a plugin imports says so; the process of the library sees to it (`infra.apprise_library.confinement`).
"""

import ast
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import apprise.plugins

from tests.source_tree import ROOT

TABLE = ROOT / "schemas" / "channels" / "apprise_services.py"
# What reaches other things than HTTP servers; `utils.socket` is the library's own.
_OTHER_WAYS = frozenset(
    {"socket", "smtplib", "subprocess", "asyncio", "paho", "slixmpp", "pika", "gntp", "dbus", "gi", "hid", "smpplib"}
    | {"proton", "win32api", "syslog", "ctypes", "relay"}
)
# They need files of keys.
_KEY_FILES = frozenset({"fcm", "vapid"})
_HEAD = '''"""The services of Apprise that notices are sent to, by the beginning of their URLs. Pure.

Written by `python -m tests.apprise_services`; do not edit.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Service(NamedTuple):
    """A plugin of the library. has_host: what follows `://` is the host of a server of people's own."""

    module: str
    plugin: str
    title: str
    has_host: bool


# fmt: off
_TABLE = (
'''
_TAIL = """)
# fmt: on

SERVICES: Mapping[str, Service] = {schema: service for service, schemas in _TABLE for schema in schemas.split()}

# What Apprise has besides: it goes other ways than HTTP, or needs what is not installed.
# fmt: off
OTHERS = frozenset({
{others}
})
# fmt: on

# Plugins whose option `template` names a file.
READ_FILES = frozenset({read_files})
"""


def table() -> str:
    """The module."""
    rows, others, read_files = [], set[str](), []
    for module in sorted(one.name for one in pkgutil.iter_modules(apprise.plugins.__path__) if one.name != "base"):
        plugin = _plugin(module)
        if plugin is None:
            continue
        schemas = " ".join(sorted(plugin.schemas(plugin)))
        if not plugin.enabled or module in _KEY_FILES or not _is_http(module):
            others |= set(schemas.split())
            continue
        host = str(plugin.template_tokens.get("host", {}).get("name")) == "Hostname"
        host = host and all("{host}" in template for template in plugin.templates)
        service = f'Service("{module}", "{plugin.__name__}", "{plugin.service_name}", {host})'
        rows.append(f'    ({service}, "{schemas}"),\n')
        if any("self.template = AppriseAttachment(" in path.read_text() for path in _files(module)):
            read_files.append(module)
    lines = "\n".join(f"    {', '.join(chr(34) + one + chr(34) for one in few)}," for few in _rows(others))
    names = ", ".join(f'"{name}"' for name in read_files)
    return _HEAD + "".join(rows) + _TAIL.replace("{others}", lines).replace("{read_files}", f"{{{names}}}")


def _plugin(module: str) -> Any:
    """The class of a module as the library finds it; None when it has none."""
    found = import_module(f"apprise.plugins.{module}")
    names = (name for name in dir(found) if name.startswith("Notify") and hasattr(getattr(found, name), "app_id"))
    chosen = next((name for name in names if name[6:] not in ("Base", "Format", "ImageSize", "Type")), None)
    return None if chosen is None else getattr(found, chosen)


def _is_http(module: str) -> bool:
    imported = set(_imported(module))
    return "requests" in imported and not imported & _OTHER_WAYS


def _imported(module: str) -> Iterator[str]:
    """What a plugin imports, with what it imports of other plugins."""
    for path in _files(module):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                parts = (node.module or "").split(".")
                yield parts[-1] if node.level else parts[0]
                if node.level == 1 and path.parent.name == "plugins":
                    named = [parts[0]] if node.module else [alias.name for alias in node.names]
                    for other in sorted({*named} - {"base", module}):
                        yield from _imported(other)


def _files(module: str) -> list[Path]:
    for folder in map(Path, apprise.plugins.__path__):
        if (folder / f"{module}.py").exists():
            return [folder / f"{module}.py"]
        if (folder / module).is_dir():
            return sorted((folder / module).glob("*.py"))
    return []


def _rows(names: set[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    for start in range(0, len(ordered), 8):
        yield ordered[start : start + 8]


def main() -> None:
    TABLE.write_text(table())
    print(f"{TABLE}: written")


if __name__ == "__main__":
    main()
