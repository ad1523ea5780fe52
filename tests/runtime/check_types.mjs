// Type-checks trees of TypeScript as programs that share what they have in common.
//
//   node check_types.mjs WORKERS_TYPES TREE…     prints {TREE: ["path:line: TSxxxx: message", …]} as JSON
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(import.meta.url);
const ts = require("typescript");
const [types, ...trees] = process.argv.slice(2);
const options = {
  allowImportingTsExtensions: true,
  allowJs: true,
  lib: ["lib.es2024.d.ts"],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  noEmit: true,
  noUnusedLocals: true,
  skipLibCheck: true,
  strict: true,
  target: ts.ScriptTarget.ES2024,
  types: [],
};
const parsed = new Map();
const host = ts.createCompilerHost(options);
const read = host.getSourceFile.bind(host);
host.getSourceFile = (name, ...rest) => {
  if (!parsed.has(name)) parsed.set(name, read(name, ...rest));
  return parsed.get(name);
};

const found = {};
for (const tree of trees) {
  const files = ts.sys.readDirectory(tree, [".ts", ".js"]);
  const program = ts.createProgram([types, ...files], options, host);
  found[tree] = ts.getPreEmitDiagnostics(program).map((one) => {
    const where = one.file ? path.relative(tree, one.file.fileName) : "";
    const line = one.file ? ts.getLineAndCharacterOfPosition(one.file, one.start).line + 1 : 0;
    return `${where}:${line}: TS${one.code}: ${ts.flattenDiagnosticMessageText(one.messageText, " ")}`;
  });
}
console.log(JSON.stringify(found));
