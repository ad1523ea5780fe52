"""`kvferry demo`: the story of a migration, told on samples; `story` in SQLite, `edge` in Durable Objects."""
