"""Adapters of the ports in `migrate.core.ports`, one store per file; none imports another."""
