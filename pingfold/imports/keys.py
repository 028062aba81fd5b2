"""Which API key an import asks with: checks and channels need one of the Management API, all else one of the PoppaPing
API.

They come from `PINGFOLD_KEY`, which may hold one of each with a comma between; without it, from `credentials.json`.
Never one from each place: they would be of two projects.
"""

from infra.settings.settings import Settings
from pingfold import credentials
from pingfold.errors import CommandFailed

_POPPAPING = "pp_"


def headers_for(path: str, settings: Settings) -> dict[str, str]:
    """The headers that open a path of the APIs. Raises `CommandFailed` when there is no key for it."""
    of_poppaping = path.startswith("/api/v1/")
    key = _given(settings.key, of_poppaping) if settings.key else _written(settings, of_poppaping)
    return {"Authorization": f"Bearer {key}"} if of_poppaping else {"X-Api-Key": key}


def _given(keys: str, of_poppaping: bool) -> str:
    for key in keys.replace(",", " ").split():
        if key.startswith(_POPPAPING) is of_poppaping:
            return key
    kind, what = (
        ("poppaping", "monitors, windows and pages") if of_poppaping else ("healthchecks", "checks and channels")
    )
    raise CommandFailed(
        f"PINGFOLD_KEY holds no key of the kind {kind}, which {what} need: make one of the same project "
        f"(`pingfold key create {kind}`), and give both with a comma between"
    )


def _written(settings: Settings, of_poppaping: bool) -> str:
    known = credentials.load(credentials.path_of(settings))
    return known.poppaping_key if of_poppaping else known.healthchecks_key
