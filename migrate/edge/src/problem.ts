// Errors as problem documents (RFC 9457). None holds anything of a session, a key, a note or a secret.

const PROBLEMS = {
  unconfigured: [503, "the bridge has no secret of at least 32 characters, or its configuration is wrong"],
  unauthorized: [401, "no valid key"],
  access: [403, "no valid token of Cloudflare Access"],
  "access-keys": [503, "the keys of Cloudflare Access cannot be fetched; try again"],
  forbidden: [403, "the key is for something else"],
  "not-found": [404, "no such route"],
  method: [405, "another method is needed"],
  "media-type": [415, "the body must be application/json"],
  "too-large": [413, "the body is too large"],
  malformed: [400, "the body is no JSON in UTF-8"],
  protocol: [400, "another version of the protocol is needed"],
  invalid: [422, "the request does not have the shape that it must have"],
  placement: [422, "this cannot be done with the bridge's placement of sessions"],
  kv: [422, "no KV namespace is bound to the bridge"],
  foreign: [422, "an object is not of the bridge's class"],
  conflict: [409, "a note is not what it was expected to be; nothing was written"],
  late: [409, "it was read too long ago; read it again"],
  finished: [409, "the migration is finished: nothing is imported any more"],
  overloaded: [503, "an object is overloaded; slow down"],
  retryable: [503, "an object could not be reached; try again"],
  toolkit: [501, "the class does not have the methods of kvferry's toolkit"],
  "too-much": [503, "it is more than the Worker may do in one request; ask for less"],
  failed: [500, "it failed"],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemName = keyof typeof PROBLEMS;

export class Problem extends Error {
  readonly problem: ProblemName;
  readonly members: Record<string, string | number>;

  // `members`: more members of the document, none of them secret.
  constructor(problem: ProblemName, members: Record<string, string | number> = {}) {
    super(problem);
    this.problem = problem;
    this.members = members;
  }
}

export function problemAnswer(name: ProblemName, members: Record<string, string | number> = {}): Response {
  const [status, title] = PROBLEMS[name];
  const document = { type: `urn:kvferry:problem:${name}`, title, status, ...members };
  return new Response(JSON.stringify(document), {
    status,
    headers: {
      "cache-control": "no-store",
      "content-type": "application/problem+json",
      "x-content-type-options": "nosniff",
      ...(name === "unauthorized" ? { "www-authenticate": "Bearer" } : {}),
      ...(name === "overloaded" || name === "access-keys" ? { "retry-after": "5" } : {}),
      ...(name === "retryable" ? { "retry-after": "1" } : {}),
    },
  });
}

// What the runtime says when a request has used up what its Worker may have.
const SPENT = /too many (subrequests|API requests)|exceeded (its |the )?(cpu|memory)/i;

// What an object's error means to the caller. Its message is not passed on.
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (lacksToolkit(error)) return new Problem("toolkit");
  if (said(error, SPENT)) return new Problem("too-much");
  const { overloaded, retryable } = Object(error) as { overloaded?: boolean; retryable?: boolean };
  if (overloaded) return new Problem("overloaded");
  return new Problem(retryable ? "retryable" : "failed");
}

// Does the class lack a method, or answer no calls of methods at all? The runtime says so in words only.
export function lacksToolkit(error: unknown): boolean {
  return said(error, /does not implement (the method )?"kvferry|does not support RPC/);
}

function said(error: unknown, words: RegExp): boolean {
  return words.test(String((Object(error) as { message?: unknown }).message));
}
