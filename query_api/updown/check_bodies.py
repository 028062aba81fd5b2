"""The parameters of a check as `/openapi.json` tells of them; `query_api.updown.check_fields` judges them."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from query_api.updown.check_fields import LONGEST_ALIAS, LONGEST_BODY, LONGEST_STRING, MOST_HEADERS
from query_api.updown.targets import LONGEST

_Type = Literal["https", "http", "icmp", "tcp", "tcps", "pulse"]
_Period = Annotated[
    int | str,
    Meta(
        description="15, 30, 60, 120, 300, 600, 1800 or 3600 seconds. Of type `pulse`, from 15 seconds to 1 month, "
        "also in words such as `25 hours`. Default: 60."
    ),
]
_Verb = Literal["GET/HEAD", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_Url = Annotated[str, Meta(max_length=LONGEST, description="Its scheme is the type of the check.")]


class UpdateUpdownCheckBody(msgspec.Struct, kw_only=True):
    """The parameters of a check to change."""

    url: _Url | UnsetType = UNSET
    type: Annotated[_Type, Meta(description="Left out: that of the URL.")] | UnsetType = UNSET
    period: _Period | UnsetType = UNSET
    apdex_t: (
        Annotated[
            float,
            Meta(description="0.125, 0.25, 0.5, 1.0, 2.0, 4.0 or 8.0 seconds. Default: 0.5."),
        ]
        | UnsetType
    ) = UNSET
    enabled: Annotated[bool, Meta(description="Default: true.")] | UnsetType = UNSET
    published: Annotated[bool, Meta(description="Default: false.")] | UnsetType = UNSET
    alias: Annotated[str, Meta(max_length=LONGEST_ALIAS)] | UnsetType | None = UNSET
    string_match: (
        Annotated[
            str, Meta(max_length=LONGEST_STRING, description="Text that the first megabyte of the body must contain.")
        ]
        | UnsetType
        | None
    ) = UNSET
    mute_until: (
        Annotated[str, Meta(description="End of the mute: `recovery`, `forever`, or a time.")] | UnsetType | None
    ) = UNSET
    http_verb: Annotated[_Verb, Meta(description="Default: `GET/HEAD`.")] | UnsetType = UNSET
    http_body: Annotated[str, Meta(max_length=LONGEST_BODY)] | UnsetType | None = UNSET
    disabled_locations: Annotated[list[str], Meta(description="Codes of nodes.")] | UnsetType = UNSET
    recipients: (
        Annotated[list[str], Meta(description="Ids of recipients. Left out at creation: all of them.")] | UnsetType
    ) = UNSET
    custom_headers: (
        Annotated[dict[str, str], Meta(max_length=MOST_HEADERS, description="Headers that are sent.")] | UnsetType
    ) = UNSET


class CreateUpdownCheckBody(UpdateUpdownCheckBody, kw_only=True):
    """A new check. Each needs a `url`, but for those of type `pulse`."""
