"""How far the clocks of this Pingfold's processes are from Kafka's."""
