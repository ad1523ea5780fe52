declare module "@remix-run/cloudflare" {
  interface AppLoadContext {
    cloudflare: { env: { SESSIONS: KVNamespace } };
  }
}

export {};
