"""E-mail: a letter for people, to addresses whose owners have agreed. Pure."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.channels.kind import ChannelKind, InvalidChannelField, Limits, Stored
from schemas.mail_addresses import InvalidAddress, mail_address
from schemas.recipients import Addresses


class Config(msgspec.Struct):
    email: Annotated[str, Meta(description="One address, in place of `addresses`.")] | UnsetType = UNSET
    addresses: Annotated[list[str], Meta(description="At most 20 addresses.")] | UnsetType = UNSET


class Form(msgspec.Struct):
    email: Annotated[str, Meta(max_length=6_000, description="An address, or several with commas.")] | UnsetType = UNSET


class ConfigShown(msgspec.Struct):
    addresses: list[str]


class FormShown(msgspec.Struct):
    email: Annotated[str, Meta(description="Of e-mail; several with commas.")]
    unconfirmed: Annotated[
        list[str],
        Meta(description="Of e-mail: addresses that get nothing, since their owners have not confirmed them."),
    ]


class Email(ChannelKind):
    name, title = "email", "an e-mail channel"
    config, form = Config, Form
    config_shown, form_shown = ConfigShown, FormShown
    stored = frozenset({"addresses"})
    told = frozenset({"addresses", "unconfirmed"})
    by_mail = True
    recipient_type = "email"
    limits = Limits(slots="mail server")
    target_help = "an e-mail address, or several with commas"

    def validate(self, given: Mapping[str, Any], current: Stored | None) -> dict[str, Any]:
        if "email" in given and "addresses" in given:
            raise InvalidChannelField("email", "and 'addresses' cannot both be given")
        if "email" in given:
            return {"addresses": _checked([given["email"]])}
        if "addresses" in given or current is None:
            return {"addresses": _checked(given.get("addresses", ()))}
        return {}

    def of_form(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"addresses": [address.strip() for address in given.get("email", "").split(",")]}

    def problem(self, channel: Stored) -> str:
        return "" if channel.addresses else "an e-mail channel without addresses"

    def show_config(self, channel: Stored) -> ConfigShown:
        return ConfigShown(list(channel.addresses))

    def show_form(self, channel: Stored) -> FormShown:
        return FormShown(",".join(channel.addresses), list(channel.unconfirmed))

    def of_target(self, target: str) -> dict[str, Any]:
        return {"email": target}

    def target(self, shown: Mapping[str, Any]) -> str:
        waiting = shown.get("unconfirmed", ())
        return ", ".join(f"{one} (unconfirmed)" if one in waiting else one for one in shown["email"].split(","))


def _checked(addresses: Iterable[str]) -> Addresses:
    """At least one e-mail address, each once."""
    try:
        chosen = tuple(dict.fromkeys(mail_address(address) for address in addresses))
        msgspec.convert(chosen, Addresses)
    except (msgspec.ValidationError, InvalidAddress) as error:
        why = f" ({error})" if isinstance(error, InvalidAddress) and str(error) else ""
        raise InvalidChannelField(
            "addresses", f"must be at most 20 e-mail addresses, such as ops@example.org{why}"
        ) from None
    if any("=?" in address for address in chosen):
        raise InvalidChannelField(
            "addresses", "must not hold =?, which mail programs take for the beginning of other text"
        )
    if not chosen:
        raise InvalidChannelField("addresses", "must name at least one e-mail address")
    return chosen


KIND = Email()
