// What listens in a rehearsal: one port for the application and for the bridge beside it, each as it is.
// At Cloudflare each of them has an address of its own.

interface Env {
  APPLICATION: Fetcher;
  BRIDGE: Fetcher;
}

export default {
  fetch(request, env): Promise<Response> {
    const { pathname } = new URL(request.url);
    return (pathname.startsWith("/kvferry/v1/") ? env.BRIDGE : env.APPLICATION).fetch(request);
  },
} satisfies ExportedHandler<Env>;
