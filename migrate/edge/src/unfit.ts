// Records that a class of somebody else's cannot store: each is undone by itself, and the others are stored.

// The class's write function did not take a value, or what it wrote is not the session.
export class Unfit extends Error {
  override readonly name = "Unfit";

  constructor() {
    super("the class cannot store this value"); // the class's own words may hold a part of it
  }
}

// Run a write; false: the class could not store the record, and nothing of the write is left.
export type Attempt = (write: () => void) => boolean;

// `undone`: called then; a table that the write had made has gone with it, and the class may think it is there.
export function attempts(storage: DurableObjectStorage, undone: () => void): Attempt {
  return (write) => {
    try {
      storage.transactionSync(write); // a savepoint of the transaction around it
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      undone();
      return false;
    }
    return true;
  };
}

// Run one of the class's functions on a record's value. What it throws is about this value, unless
// it is about the storage or the table: then nothing can be stored here, and the import is to fail.
export function onValue<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw error instanceof Error && aboutStorage(error) ? error : new Unfit();
  }
}

// SQLite's own words. What it calls a plain error is nearly always about the statement or its table.
const STORAGE = /\bSQLITE_(FULL|NOMEM|IOERR|CORRUPT|NOTADB|CANTOPEN|READONLY|BUSY|LOCKED|INTERRUPT|AUTH|SCHEMA|PROTOCOL)/;
const PLAIN = /\bSQLITE_ERROR\b/;
const VALUE = /\bJSON\b|\boverflow\b/;

function aboutStorage(error: Error): boolean {
  if ("retryable" in error || "overloaded" in error) return true;
  return STORAGE.test(error.message) || (PLAIN.test(error.message) && !VALUE.test(error.message));
}
