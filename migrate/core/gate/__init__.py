"""The gate: what must be known before the next step of a migration cannot lose a session."""
