"""The Kafka log as the rest of Pingfold uses it: produce and know it is there, keep a replica, make the topics."""
