// Starts Cloudflare's local runtime with an application and several bridges, each on a port of its own,
// and ends when standard input does.
//
//   node runtime.mjs PLAN.json     prints {worker: url} as its first line, then what the runtime says
//
// PLAN: {modules, folder, aliases: {NAME: folder}, workers: [{name, entry, durableObjects, kvNamespaces?, bindings, serviceBindings?, port?,
//   compatibilityFlags?}]}
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const require = createRequire(path.join(plan.modules, "x.js"));
const { build } = require("esbuild");
const { convertV4MiniflareOptions, Log, LogLevel, Miniflare } = require("miniflare");

const aliased = {
  name: "aliases",
  setup(building) {
    building.onResolve({ filter: /^[A-Z]+\// }, ({ path: given }) => {
      const [alias, file] = given.split(/\/(.*)/);
      return { path: path.join(plan.aliases[alias], file) };
    });
  },
};

const bundles = new Map();
async function bundle(entry) {
  if (!bundles.has(entry)) {
    const options = { entryPoints: [entry], bundle: true, format: "esm", write: false, target: "es2024" };
    const made = await build({ ...options, external: ["cloudflare:*", "node:*"], plugins: [aliased] });
    bundles.set(entry, made.outputFiles[0].text);
  }
  return bundles.get(entry);
}

const workers = [];
for (const { name, entry, durableObjects, kvNamespaces, bindings, serviceBindings, port, compatibilityFlags } of plan.workers) {
  workers.push({
    name,
    modules: true,
    script: await bundle(entry),
    compatibilityDate: "2026-04-01",
    compatibilityFlags: compatibilityFlags ?? [],
    durableObjects,
    kvNamespaces: kvNamespaces ?? [],
    bindings,
    serviceBindings: serviceBindings ?? {},
    unsafeDirectSockets: [{ host: "127.0.0.1", port: port ?? 0 }],
  });
}
const options = {
  workers,
  resourcePersistencePath: plan.folder,
  host: "127.0.0.1",
  port: 0,
  verbose: true,
  unsafeLocalExplorer: true,
  log: new Log(LogLevel.VERBOSE),
};
const runtime = new Miniflare(convertV4MiniflareOptions(options));
const urls = { explorer: String(await runtime.ready) };
for (const { name } of workers) urls[name] = String(await runtime.unsafeGetDirectURL(name));
process.stdout.write(`URLS ${JSON.stringify(urls)}\n`);
process.stdin.resume();
process.stdin.on("end", async () => {
  await runtime.dispose();
  process.exit(0);
});
