"""What each role must be allowed to do in Kafka, for clusters with ACLs. docs/operations.md says the same for people.

Every role reads every topic of Pingfold, for no topic holds what another role may not know. What differs is what they
write, and the groups and transactional ids that they use. Who makes the topics (`pingfold migrate`) needs more.
"""

from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from schemas.topics import DELIVERIES, HEARTBEATS, KEY_USES, PINGS, PROBE_RESULTS, PROJECTS, TOPICS, Topic


class Rights(NamedTuple):
    """writes: topics. groups: prefixes of the consumer groups that it joins. transactional: writes in transactions."""

    writes: tuple[Topic, ...] = ()
    groups: tuple[str, ...] = ()
    transactional: bool = False


ROLES: dict[str, Rights] = {
    "web": Rights((PROJECTS, PINGS, DELIVERIES, HEARTBEATS, KEY_USES)),
    "worker": Rights(TOPICS, ("pingfold-fold",), transactional=True),
    "ticker": Rights((PROJECTS, PROBE_RESULTS, DELIVERIES)),
    "prober": Rights((PROBE_RESULTS,), ("pingfold-probers-",)),
    "writer": Rights((), ("pingfold-history",)),
}
_GROUPS = "pingfold-"


def bindings(role: str, user: str) -> list[AclBinding]:
    """The ACLs that let `User:<user>` be a role."""
    return list(_bindings(ROLES[role], f"User:{user}"))


def _bindings(rights: Rights, principal: str) -> Iterator[AclBinding]:
    def allowed(kind: ResourceType, name: str, operation: AclOperation, *, prefix: bool = False) -> AclBinding:
        pattern = ResourcePatternType.PREFIXED if prefix else ResourcePatternType.LITERAL
        return AclBinding(kind, name, pattern, principal, "*", operation, AclPermissionType.ALLOW)

    for topic in TOPICS:
        yield allowed(ResourceType.TOPIC, topic.name, AclOperation.READ)
    for topic in rights.writes:
        yield allowed(ResourceType.TOPIC, topic.name, AclOperation.WRITE)
    # Whoever looks at the progress of others asks for what their groups have committed.
    yield allowed(ResourceType.GROUP, _GROUPS, AclOperation.DESCRIBE, prefix=True)
    for group in rights.groups:
        yield allowed(ResourceType.GROUP, group, AclOperation.READ, prefix=True)
    if rights.transactional:
        yield allowed(ResourceType.TRANSACTIONAL_ID, _GROUPS, AclOperation.WRITE, prefix=True)
