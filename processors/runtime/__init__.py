"""The runtime of a fold: Faust brings the records, a transaction per batch and partition takes the outcome to Kafka."""
