import { currentUser, signIn, signInAsSupport, signOut } from "./sessions";
import { spotifyUser } from "./spotify";

export interface Env {
  SESSIONS: KVNamespace;
  SESSION_COVERS: R2Bucket;
  SUPPORT_TOKEN: string;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/callback":
        return signIn(env, await spotifyUser(url.searchParams.get("code")));
      case "/support":
        if (request.headers.get("authorization") !== env.SUPPORT_TOKEN) break;
        return signInAsSupport(env, url.searchParams.get("user") ?? "");
      case "/cover":
        await env.SESSION_COVERS.put(crypto.randomUUID(), request.body);
        return new Response(null, { status: 204 });
      case "/logout":
        return signOut(env, request);
      case "/me":
        return Response.json(await currentUser(env, request));
    }
    return new Response("not found", { status: 404 });
  },
};
