"""The orchestration instances of a task hub: what is known of each, in memory and in the store."""
