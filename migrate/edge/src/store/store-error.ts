// What the store raises: it names what failed, and never a session.

export class SessionStoreError extends Error {
  override readonly name = "SessionStoreError";
}
