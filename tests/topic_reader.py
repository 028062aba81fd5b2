"""Reading the topics of a running Kafka again and again, without reading anything twice."""

from collections import defaultdict

from infra.log.admin import Admin, admin_client, end_offsets
from infra.log.reading import Stored, read_partition
from schemas.topics import Topic

_SECONDS = 60.0


class TopicReader:
    """What stands in the topics of one cluster, kept as it is read. `forget` it when logs may have lost something.

    Records that Kafka has compacted away since they were read are still told.
    """

    def __init__(self, cluster: str, partitions: int) -> None:
        self._cluster, self._partitions = cluster, partitions
        self._admin: Admin = admin_client(cluster)
        self._records: dict[tuple[str, int], list[Stored]] = defaultdict(list)
        self._ends: dict[tuple[str, int], int] = {}

    def records(self, topic: Topic) -> list[Stored]:
        """Everything committed in a topic up to now, in order per partition, partition after partition."""
        places = [(topic.name, number) for number in range(self._partitions)]
        ends = end_offsets(self._admin, places, _SECONDS)
        for place in places:
            start = self._ends.get(place, 0)
            self._records[place] += read_partition(self._cluster, topic, place[1], ends[place], start=start)
            self._ends[place] = max(start, ends[place])
        return [record for place in places for record in self._records[place]]
