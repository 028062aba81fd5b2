"""Tokens: the short names of things, and other names that are derived and stable for ever. Pure.

The fold of projects counts what it has named in a partition. From that count follows a number that no other partition
has (`number_of`), from the number a token (`thing_token`, `page_token`) or the number of a channel (`channel_number`).
Each step is one to one, so no two things have the same token. A fixed permutation (`spread`) makes neighbours look
unrelated. Nothing is ever used up: when all tokens of four characters are, those of five follow.

What is written here can never change: names that are in use would mean other things.
"""

from hashlib import sha256

from schemas.base import Fact
from schemas.ids import is_uuid

COUNTERS_KEY = "tokens"

# Shortest length of a token, in characters.
THING_LENGTH = 4
PAGE_LENGTH = 5
DOWNTIME_LENGTH = 24
PULSE_KEY_LENGTH = 8

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE = len(_DIGITS)
_SMALLEST_CHANNEL = 10**9
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

_ROUNDS = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
_WORD = 0xFFFFFFFF


class TokenCounters(Fact, tag="tokens", frozen=True):
    """Number of names that a partition of `projects` has assigned; they only grow. The record's key is `tokens`.

    partitions: how many the deployment has, as it was first told; 0: not told yet, and nothing is named.
    things: checks and monitors. pages: status pages. channels: channels.
    """

    partitions: int = 0
    things: int = 0
    pages: int = 0
    channels: int = 0


def number_of(count: int, partition: int, partitions: int) -> int:
    """The number of the thing that a partition names when it has named `count` others."""
    return count * partitions + partition


def thing_token(number: int) -> str:
    """The token of a check or a monitor: four characters, more when all of those are used up."""
    return _token(number, THING_LENGTH)


def page_token(number: int) -> str:
    """The token of a status page: five characters, more when all of those are used up."""
    return _token(number, PAGE_LENGTH)


def channel_number(number: int) -> int:
    """The number by which a channel is named: ten digits, more when all of those that begin with 1 are used up."""
    size = _SMALLEST_CHANNEL
    while number >= size:
        number -= size
        size *= 10
    left = 10 ** ((len(str(size)) - 1) // 2)
    return size + spread(number, left, size // left)


def downtime_id(incident: str) -> str:
    """An incident's id as 24 hex digits: the first ones of its own id, or of a digest when that is not a UUID."""
    digits = incident.replace("-", "") if is_uuid(incident) else sha256(f"downtime:{incident}".encode()).hexdigest()
    return digits[:DOWNTIME_LENGTH]


def incident_prefix(downtime: str) -> str:
    """How the id of the incident begins that `downtime_id` made this of."""
    return "-".join((downtime[:8], downtime[8:12], downtime[12:16], downtime[16:20], downtime[20:]))


def pulse_key(check: str) -> str:
    """The secret part of a check's pulse URL: eight letters and digits, derived from the check's id.

    The id is random and as secret as the ping URL, which holds it. It cannot be found from the key.
    """
    rest = int.from_bytes(sha256(f"pulse:{check}".encode()).digest())
    key = ""
    for _ in range(PULSE_KEY_LENGTH):
        rest, digit = divmod(rest, len(_LETTERS))
        key += _LETTERS[digit]
    return key


def spread(number: int, left: int, right: int) -> int:
    """A fixed permutation of the numbers below `left * right`, after which neighbours are far from each other."""
    high, low = divmod(number, right)
    for key in _ROUNDS:
        high = (high + _mixed(low, key)) % left
        low = (low + _mixed(high, key)) % right
    return high * right + low


def _token(number: int, length: int) -> str:
    while number >= (size := _BASE**length):
        number -= size
        length += 1
    left = _BASE ** (length // 2)
    rest, text = spread(number, left, size // left), ""
    for _ in range(length):
        rest, digit = divmod(rest, _BASE)
        text = _DIGITS[digit] + text
    return text


def _mixed(value: int, key: int) -> int:
    value = ((value + 1) * key) & _WORD
    value ^= value >> 15
    value = (value * 0x2C1B3C6D) & _WORD
    return value ^ (value >> 12)
