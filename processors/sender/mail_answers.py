"""Translates a mail server's refusal into a fixed description of its codes (RFC 5321, RFC 3463). Pure.

The server's own text may contain internal host names and addresses. It goes to the operator's log only; the delivery
log has the codes and their meaning.
"""

import re

# The enhanced code stands in front of the text.
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")
_OF_DETAIL = {
    "1.1": "there is no such mailbox",
    "1.2": "there is no such domain",
    "1.3": "the address is not valid",
    "1.6": "the mailbox has moved",
    "1.8": "the address of the sender is not accepted",
    "1.10": "the domain takes no mail",
    "2.1": "the mailbox takes no mail",
    "2.2": "the mailbox is full",
    "2.3": "the mail is too large for the mailbox",
    "3.1": "the mail system has no room",
    "3.4": "the mail is too large",
    "6.7": "the mail server takes no address outside ASCII (it does not offer SMTPUTF8)",
    "7.1": "delivery is not permitted",
    "7.8": "user name or password is wrong",
    "7.26": "the sender could not be authenticated",
}
_OF_SUBJECT = {
    "1": "the address is not accepted",
    "2": "the mailbox does not accept mail",
    "3": "the mail system does not accept mail",
    "4": "the mail could not be routed",
    "5": "the dialogue failed",
    "6": "the content is not accepted",
    "7": "policy or security",
}
_OF_CODE = {
    421: "the service is not available",
    450: "the mailbox is not available now",
    451: "there was an error on the server",
    452: "there is no room",
    530: "a login is needed",
    534: "the login is not accepted",
    535: "user name or password is wrong",
    550: "the mailbox is not available",
    551: "the mailbox is elsewhere",
    552: "there is no room, or the mail is too large",
    553: "the address is not accepted",
    554: "the mail is not accepted",
}


def meaning_of(code: int, text: str) -> str:
    """`550 5.1.1: there is no such mailbox`; of `text` only the enhanced code is used."""
    found = _ENHANCED.match(text.strip())
    if found is None:
        words = _OF_CODE.get(code, "refused for now" if code < 500 else "refused")
        return f"{code}: {words}"
    _, subject, detail = found.groups()
    words = _OF_DETAIL.get(f"{subject}.{detail}") or _OF_SUBJECT.get(subject) or _OF_CODE.get(code, "refused")
    return f"{code} {found[0]}: {words}"
