// Statements for many rows at once: most of what a row costs is the call into SQLite.

const PARAMETERS = 100; // of one statement, at most

type Bound = string | number | null | Uint8Array;

// Those of the keys that the table has.
export function present(sql: SqlStorage, table: string, keys: string[]): string[] {
  return chunks(keys, PARAMETERS).flatMap((some) => {
    const query = `SELECT key FROM ${table} WHERE key IN (?${", ?".repeat(some.length - 1)})`;
    return sql
      .exec<{ key: string }>(query, ...some)
      .toArray()
      .map(({ key }) => key);
  });
}

// How rows are inserted that a table does not have; a key that it has is an error.
export class Insertion {
  readonly #into: string;
  readonly #shared: number;
  readonly #own: number;
  readonly #texts = new Map<number, string>();

  // `shared`: the columns whose values are equal in all rows that are inserted together; `own`: the others.
  constructor(table: string, shared: string[], own: string[]) {
    this.#into = `INSERT INTO ${table} (${[...shared, ...own].join(", ")}) VALUES `;
    this.#shared = shared.length;
    this.#own = own.length;
  }

  run(sql: SqlStorage, shared: Bound[], rows: Bound[][]): void {
    for (const some of chunks(rows, Math.floor((PARAMETERS - this.#shared) / this.#own))) {
      sql.exec(this.#text(some.length), ...shared, ...some.flat());
    }
  }

  // The statement for so many rows: `(?1, ?2, ?3), (?1, ?4, ?5)` with one shared column and two others.
  #text(count: number): string {
    let text = this.#texts.get(count);
    if (text === undefined) {
      const rows = Array.from({ length: count }, (_, row) => {
        const first = this.#shared + row * this.#own;
        return `(${[...numbers(0, this.#shared), ...numbers(first, this.#own)].join(", ")})`;
      });
      text = this.#into + rows.join(", ");
      this.#texts.set(count, text);
    }
    return text;
  }
}

function numbers(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `?${first + index + 1}`);
}

function chunks<Item>(items: Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, number) => items.slice(number * size, (number + 1) * size));
}
