"""Who hands events on: PostgreSQL itself, or NATS JetStream, which a relay fills from the outbox."""
