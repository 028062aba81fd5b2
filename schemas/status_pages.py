"""Status pages: what the public may see of a project's monitors and checks, in which order and under which names.

A page's definition stands under `status-page/<id>` in `definitions`. A component names a thing; what has been removed
since stays named here and is left out of what is shown.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.base import Fact, Micros
from schemas.managed import ManagedBy

ComponentKind = Literal["monitor", "check"]

PageSlug = Annotated[str, Meta(max_length=60, pattern=r"^[a-z0-9-]*\Z")]
Title = Annotated[str, Meta(min_length=1, max_length=200)]
Description = Annotated[str, Meta(max_length=2_000)]
Words = Annotated[str, Meta(max_length=200)]
# The hash of a password, in the form of `infra.secrets.passwords`; empty: the page is public.
PasswordHash = Annotated[str, Meta(max_length=300)]
# Encrypted.
AccessKey = Annotated[str, Meta(max_length=1_000)]

MOST_COMPONENTS = 100
MOST_SECTIONS = 30


class Component(Struct, frozen=True, omit_defaults=True, gc=False):
    """A monitor or a check on a page. name: its name on the page; empty: its own name."""

    kind: ComponentKind
    id: str
    name: Words = ""
    group: Words = ""


Components = Annotated[tuple[Component, ...], Meta(max_length=MOST_COMPONENTS)]


class Section(Struct, frozen=True, omit_defaults=True, gc=False):
    """A part of a page: the components whose `group` is its title. description: stands above them.

    collapsed: its components are shown when somebody opens it, or when not all of them are well.
    """

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    description: Annotated[str, Meta(max_length=500)] = ""
    collapsed: bool = False


Sections = Annotated[tuple[Section, ...], Meta(max_length=MOST_SECTIONS)]


class StatusPage(Fact, tag="status-page", frozen=True):
    """A status page. `version` grows by one with each change; `revised` is the time of the newest change.

    slug: part of its address `/status/<slug>-<first 8 of id>`; `/status/<id>` works too.
    password: hashed; empty: the page is public, unless it is private.
    access_key: the password, encrypted, so that its owner can read it. private: only the admin password opens the page.
    managed_by: the set of declarations that made it, or has taken it over; empty: none.
    token: its permanent short name (`schemas.tokens`); empty: not assigned yet.
    sections: with a chosen order or description; other groups follow them.
    logo, accent: its appearance (`schemas.page_looks`); empty: default.
    domain: a host name that also shows it; empty: none. domain_since: since when; of pages with the same domain the
    first has it.
    """

    id: str
    project: str
    version: int
    created: Micros
    revised: Micros
    title: str
    slug: str = ""
    description: str = ""
    components: tuple[Component, ...] = ()
    password: str = ""
    token: str = ""
    access_key: str = ""
    private: bool = False
    managed_by: ManagedBy = ""
    sections: tuple[Section, ...] = ()
    logo: str = ""
    accent: str = ""
    domain: str = ""
    domain_since: Micros = 0
