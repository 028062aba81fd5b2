"""Whether the owner of an address has said that no mail is wanted: read from Kafka to the end of the moment."""

import msgspec

from infra.log.partitioner import partition_of
from infra.log.reading import ends_of, read_to_end
from schemas.deliveries import Mailbox, mailbox_key
from schemas.recipients import Recipient, mailbox_id, recipient_id
from schemas.topics import DEFINITIONS, DELIVERY_STATES, Topic


def is_blocked(bootstrap: str, project: str, address: str) -> bool:
    """Whether the project may not ask the owner, or nobody may mail requests to the mailbox. Raises `NotRead`."""
    mailbox = mailbox_id(address)
    own = _last(bootstrap, DEFINITIONS, project, f"recipient/{recipient_id(project, address)}")
    of_all = _last(bootstrap, DELIVERY_STATES, mailbox, mailbox_key(mailbox))
    return (own is not None and msgspec.json.decode(own, type=Recipient).blocked_at is not None) or (
        of_all is not None and msgspec.json.decode(of_all, type=Mailbox).blocked_at is not None
    )


def _last(bootstrap: str, topic: Topic, owner: str, key: str) -> bytes | None:
    """The newest value of a key, in the partition of the project or mailbox that it belongs to."""
    ends = ends_of(bootstrap, topic)
    found: bytes | None = None
    partition = partition_of(owner.encode(), len(ends))
    for record in read_to_end(bootstrap, topic, {partition: ends[partition]}):
        if record.key == key.encode():
            found = record.value
    return found
