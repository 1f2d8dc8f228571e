"""The bus over Kafka: a relay that publishes the log, and for each consumer a subscription to the topic."""
