declare namespace Cloudflare {
  interface Env {
    SESSIONS: KVNamespace;
  }
}
