"""The operator's ledger: runs, sweeps, verifies, differences, evidence and request windows, in SQLite."""
