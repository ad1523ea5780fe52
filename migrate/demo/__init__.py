"""`kvferry demo`: a migration on samples: `story` in SQLite, `edge` in Durable Objects, `live` under load."""
