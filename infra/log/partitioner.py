"""The partition of a key, by the murmur2 hash of Java's default partitioner (`murmur2_random`). Pure.

librdkafka computes the same inside the producer. This is for code that needs the partition without producing, such as a
source that has refused a ping.
"""

from functools import lru_cache
from struct import unpack_from

_SEED, _MULTIPLIER, _MASK = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """`org.apache.kafka.common.utils.Utils.murmur2`, as an unsigned 32-bit number."""
    length = len(data)
    words = length // 4
    hash = (_SEED ^ length) & _MASK
    for word in unpack_from(f"<{words}I", data):
        word = (word * _MULTIPLIER) & _MASK
        word ^= word >> 24
        word = (word * _MULTIPLIER) & _MASK
        hash = ((hash * _MULTIPLIER) & _MASK) ^ word
    if tail := data[words * 4 :]:
        hash ^= int.from_bytes(tail, "little")
        hash = (hash * _MULTIPLIER) & _MASK
    hash ^= hash >> 13
    hash = (hash * _MULTIPLIER) & _MASK
    return hash ^ (hash >> 15)


@lru_cache(32_768)  # some 7 MB; a busy installation asks the same keys again and again
def partition_of(key: bytes, count: int) -> int:
    """The partition, of `count`, that every producer of ours and of the Java tools gives to `key`."""
    return (murmur2(key) & 0x7FFFFFFF) % count
