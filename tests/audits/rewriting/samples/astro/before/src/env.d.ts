declare namespace App {
  interface Locals {
    runtime: { env: { SESSIONS: KVNamespace } };
  }
}
