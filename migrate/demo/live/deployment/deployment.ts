// What Cloudflare's gradual deployments do, for `kvferry demo --live`: of an application's versions at most
// two are live, and each request goes to one of them by its share.

// The versions, by their stages: DUAL_WRITE and so on.
type Env = Record<string, Fetcher>;

// `percent` of the requests go to the version `later`, the others to `earlier`.
interface Split {
  earlier: string;
  later: string;
  percent: number;
}

let split: Split = { earlier: "kv", later: "kv", percent: 100 };

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/deployment") {
      split = await request.json<Split>();
      return new Response(null, { status: 204 });
    }
    if (pathname === "/counters") return Response.json(await counted(env));
    const { earlier, later, percent } = split;
    return versionOf(env, Math.random() * 100 < percent ? later : earlier).fetch(request);
  },
};

function versionOf(env: Env, stage: string): Fetcher {
  const version = env[stage.toUpperCase().replace("-", "_")];
  if (version === undefined) throw new TypeError("there is no such version");
  return version;
}

// What the session store has counted, by stage.
async function counted(env: Env): Promise<Record<string, unknown>> {
  const told = Object.entries(env).map(async ([name, version]) => {
    const answer = await version.fetch("http://version/counters");
    return [name.toLowerCase().replace("_", "-"), await answer.json()] as const;
  });
  return Object.fromEntries(await Promise.all(told));
}
