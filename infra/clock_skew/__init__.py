"""The difference between the clocks of Pingfold's processes and Kafka's: measured, reported, logged."""
