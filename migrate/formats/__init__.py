"""Everything that prints: documents, their text and JUnit forms, progress. Never a session id or value."""
