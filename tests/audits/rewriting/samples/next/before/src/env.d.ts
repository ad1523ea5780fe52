interface CloudflareEnv {
  SESSIONS: KVNamespace;
}
