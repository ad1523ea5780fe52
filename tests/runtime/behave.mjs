// Runs sample modules before and after a rewriting against a namespace in memory, and compares what they
// answer and what they leave in it.
//
//   node behave.mjs SCENARIOS.json     [{before, after, prefix, binding, calls: {name: [argument…]}}…]
//                                      prints {same: how many runs, different: [description…]} as JSON
//
// The session store of the rewritten modules is the least that keeps the declaration, on the same namespace.
// With `object`, the name of a binding, sessions are in Durable Objects and the namespace is empty: without the
// fallback to it, a module answers the same and leaves the same in the objects.
// An argument {"fn": "…"} is a function, {"request": headers} a request.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { pathToFileURL } from "node:url";

const ts = createRequire(import.meta.url)("typescript");

class Namespace {
  constructor(records) {
    this.records = new Map(Object.entries(records).map(([key, value]) => [key, { value, options: {} }]));
  }
  async get(key, options) {
    return (await this.getWithMetadata(key, options)).value;
  }
  async getWithMetadata(key, options) {
    const found = this.records.get(key);
    if (!found) return { value: null, metadata: null, cacheStatus: null };
    const type = typeof options === "string" ? options : (options?.type ?? "text");
    if (type === "arrayBuffer") return { value: new TextEncoder().encode(found.value).buffer, metadata: null };
    const value = type === "json" ? JSON.parse(found.value) : found.value;
    return { value, metadata: found.options.metadata ?? null, cacheStatus: null };
  }
  async put(key, value, options = {}) {
    if (typeof value !== "string") throw new TypeError("a put of no text");
    this.records.set(key, { value, options });
  }
  async delete(key) {
    this.records.delete(key);
  }
}

const STORE = (prefix, binding) => `
  export function sessionStore(env) {
    const kv = env[${JSON.stringify(binding)}], key = (id) => ${JSON.stringify(prefix)} + \`\${id}\`;
    const parsed = (text) => { try { return JSON.parse(text); } catch { return text; } };
    const put = (id, data, options) => kv.put(key(id), JSON.stringify(data), options);
    return {
      async get(id) {
        const { value, metadata } = await kv.getWithMetadata(key(id));
        return value === null ? null : { data: parsed(value), expiration: null, metadata };
      },
      async create(id, data, options) {
        if (kv.records.has(key(id))) throw new Error("an id that was used before");
        await put(id, data, options);
      },
      put,
      async touch(id, options) {
        const found = kv.records.get(key(id));
        if (found) kv.records.set(key(id), { value: found.value, options });
      },
      delete: (id) => kv.delete(key(id)),
    };
  }
`;

function build(file) {
  const to = file.replace(/\.(ts|js)$/, ".built.mjs");
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2024 };
  const { outputText } = ts.transpileModule(readFileSync(file, "utf8"), { compilerOptions: options });
  const local = outputText.replaceAll(/from (["'])(\.[^"']*?)(?:\.js)?\1/g, (_, quote, name) => {
    const beside = path.join(path.dirname(file), `${name}.ts`);
    if (existsSync(beside)) build(beside);
    return `from "${name}.built.mjs"`;
  });
  writeFileSync(to, local);
  return to;
}

const built = (file) => import(pathToFileURL(build(file)).href);

function argument(given) {
  if (given?.fn) return new Function(`return ${given.fn}`)();
  if (given?.request) return new Request("https://x.example/", { headers: given.request });
  return structuredClone(given);
}

function objects(records) {
  const held = new Map(Object.entries(records).map(([id, value]) => [id, JSON.parse(value)]));
  const stub = (name) => ({
    getSession: async (id) => (id === name ? (held.get(id) ?? null) : null),
    putSession: async (id, session) => void held.set(id, structuredClone(session)),
    deleteSession: async (id) => void held.delete(id),
  });
  return { held, binding: { idFromName: (name) => name, get: stub } };
}

async function run(module, name, { binding, calls, object }, records) {
  let made = 0;
  globalThis.crypto.randomUUID = () => `00000000-0000-4000-8000-${String((made += 1)).padStart(12, "0")}`;
  const kv = new Namespace(object ? {} : records);
  const consistent = objects(object ? records : {});
  const waited = [];
  const env = { [binding]: kv, LOG: { write() {} }, ...(object && { [object]: consistent.binding }) };
  const ctx = { waitUntil: (promise) => waited.push(promise) };
  const given = calls[name].map(argument).map((one) => (one === "ctx" ? ctx : one));
  let answer;
  try {
    answer = { value: await module[name](env, ...given) };
    if (answer.value instanceof Response) answer.value = await answer.value.text();
  } catch (error) {
    answer = { thrown: error.constructor.name };
  }
  await Promise.allSettled(waited);
  await new Promise((resolve) => setImmediate(resolve));
  return { answer, left: object ? [...consistent.held] : [...kv.records] };
}

const STATES = [
  {},
  { s1: '{"user":"u","roles":["a"],"seen":1}' },
  { s1: '{"user":"v","admin":true}', s2: '{"user":"w"}' },
  { s1: "0" },
  { s1: '"text"' },
  { s1: "false" },
  { s1: "null" },
];

const result = { same: 0, different: [] };
globalThis.console.log = () => {};
Date.now = () => 1_800_000_000_000;
for (const scenario of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const home = path.join(path.dirname(scenario.after), "session-store.built.mjs");
  writeFileSync(home, STORE(scenario.prefix, scenario.binding));
  const [before, after] = await Promise.all([built(scenario.before), built(scenario.after)]);
  for (const name of Object.keys(scenario.calls)) {
    for (const state of scenario.object ? STATES.slice(0, 3) : STATES) {
      const records = Object.fromEntries(
        Object.entries(state).map(([id, value]) => [scenario.prefix + id, value]),
      );
      const first = await run(before, name, scenario, records);
      const second = await run(after, name, scenario, records);
      if (isDeepStrictEqual(first, second)) result.same += 1;
      else
        result.different.push(
          `${scenario.before} ${name} ${JSON.stringify(state)}: ${JSON.stringify(first)} then ${JSON.stringify(second)}`,
        );
    }
  }
}
process.stdout.write(JSON.stringify(result));
