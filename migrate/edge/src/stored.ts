// Does an object hold anything? Whatever a class may have put there, in tables or by keys; asking stores nothing.

export async function holdsAnything(storage: DurableObjectStorage): Promise<boolean> {
  const { sql } = storage;
  const tables = sql.exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").toArray();
  for (const { name } of tables) {
    if (/^(sqlite_|_cf_|__miniflare_)/.test(name)) continue; // SQLite's and the runtime's own
    const quoted = `"${name.replaceAll('"', '""')}"`;
    if (sql.exec(`SELECT 1 FROM ${quoted} LIMIT 1`).toArray().length > 0) return true;
  }
  return (await storage.list({ limit: 1 })).size > 0;
}
