"""The ACLs that each role needs in Kafka. docs/operations.md lists them for operators.

Every role may read every topic of Pingfold. Roles differ in the topics they write, and in their groups and
transactional ids. `migrate`, which creates the topics, reads no records. `commands` are `pingfold key`, `project`,
`dead-letters`, `time` and `replay`. `pingfold up` creates topics and writes `projects`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from schemas.topics import JOURNALS, TOPICS, Topic


class Rights(NamedTuple):
    """writes: topics. groups: prefixes of the consumer groups that it joins. transactional: writes in transactions.

    reads: every topic. makes: topics, and alters their settings.
    """

    writes: tuple[Topic, ...] = ()
    groups: tuple[str, ...] = ()
    transactional: bool = False
    reads: bool = True
    makes: bool = False


def _of(role: str) -> tuple[Topic, ...]:
    return tuple(topic for topic in TOPICS if role in topic.written_by)


ROLES: dict[str, Rights] = {
    "web": Rights(_of("web")),
    "worker": Rights(TOPICS, ("pingfold-fold",), transactional=True),
    "ticker": Rights((*(journal for journal in JOURNALS if journal.ticked), *_of("ticker"))),
    "prober": Rights(_of("prober"), ("pingfold-probers-",)),
    "writer": Rights((), ("pingfold-history",)),
    "commands": Rights(JOURNALS),
    "migrate": Rights(reads=False, makes=True),
}
_GROUPS = "pingfold-"


def bindings(role: str, user: str, prefix: str = "") -> list[AclBinding]:
    """The ACLs that let `User:<user>` be a role. prefix: `PINGFOLD_KAFKA_PREFIX`."""
    return list(_bindings(ROLES[role], f"User:{user}", prefix))


def _bindings(rights: Rights, principal: str, prefix: str) -> Iterator[AclBinding]:
    def allowed(kind: ResourceType, name: str, operation: AclOperation, *, begins: bool = False) -> AclBinding:
        pattern = ResourcePatternType.PREFIXED if begins else ResourcePatternType.LITERAL
        return AclBinding(kind, prefix + name, pattern, principal, "*", operation, AclPermissionType.ALLOW)

    for topic in TOPICS:
        if rights.reads:
            yield allowed(ResourceType.TOPIC, topic.name, AclOperation.READ)
        if rights.makes:
            yield allowed(ResourceType.TOPIC, topic.name, AclOperation.CREATE)
            yield allowed(ResourceType.TOPIC, topic.name, AclOperation.DESCRIBE)
            yield allowed(ResourceType.TOPIC, topic.name, AclOperation.ALTER_CONFIGS)
            yield allowed(ResourceType.TOPIC, topic.name, AclOperation.DESCRIBE_CONFIGS)
    for topic in rights.writes:
        yield allowed(ResourceType.TOPIC, topic.name, AclOperation.WRITE)
    if rights.reads:  # whoever looks at the progress of others asks for what their groups have committed
        yield allowed(ResourceType.GROUP, _GROUPS, AclOperation.DESCRIBE, begins=True)
    for group in rights.groups:
        yield allowed(ResourceType.GROUP, group, AclOperation.READ, begins=True)
    if rights.transactional:
        yield allowed(ResourceType.TRANSACTIONAL_ID, _GROUPS, AclOperation.WRITE, begins=True)
