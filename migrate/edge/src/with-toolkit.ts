// For a session class that you have already: the class with the toolkit's methods, whose own methods
// keep to the laws as well. What the toolkit has to remember is in a table of its own.
//
//   export class UserSessions extends withToolkit(Plain, {
//     storage: ({ sql }) => ({ read, write, remove, list }),
//     methods: { getSession: "read", setSession: "write", deleteSession: "delete" },
//   }) {}

import { DurableObject } from "cloudflare:workers";
import { longestTtl } from "./lifetimes.ts";
import { TOOLKIT, withMethods } from "./methods.ts";
import type { Class, ToolkitMethods } from "./methods.ts";
import { OwnCalls } from "./own-calls.ts";
import type { Does, Method } from "./own-calls.ts";
import { ownValues } from "./own-values.ts";
import type { OwnStorage } from "./own-values.ts";
import { Toolkit } from "./toolkit.ts";

export { SessionGone } from "./own-calls.ts";
export type { OwnStorage, OwnValue } from "./own-values.ts";
export { textOf } from "./text.ts";

export interface Wrapping<Instance, Env> {
  // The class's sessions, without side effects.
  storage: (storage: DurableObjectStorage) => OwnStorage;
  // What each public method does, all of them: one that is forgotten is an error, of the types and
  // of the first object.
  methods: Methods<Instance>;
  // Who is authoritative: "dual" while KV is, and is written too; "app" (the default) afterwards.
  origin?: (env: Env) => "app" | "dual";
  // What else the class's alarm does: called in its place until the migration is finished.
  duties?: (object: Instance) => void | Promise<void>;
}

// A word for each of them. A read must be able to answer null, which is what it answers where it used
// to throw because there is no row; else say what its `miss` is. A method whose first argument is
// not the session's key says which `keys` it concerns.
export type Methods<Instance> = { [Name in MethodNames<Instance>]: Word<Instance[Name]> };

type MethodNames<Instance> = {
  [Name in keyof Instance]-?: Name extends "alarm" | symbol | `__${string}`
    ? never
    : undefined extends Instance[Name]
      ? never
      : Instance[Name] extends (...given: never[]) => unknown
        ? Name
        : never;
}[keyof Instance];

type Word<Own> = Own extends (...given: infer Given) => infer Answer
  ? Described<Given, Awaited<Answer>> | "many" | "other" | (Given extends [string, ...unknown[]] ? Plain<Awaited<Answer>> : never)
  : never;

type Plain<Answer> = "write" | "delete" | (null extends Answer ? "read" : never);

interface Described<Given extends unknown[], Answer> {
  does: Does;
  keys?: ((...given: Given) => string[]) | "own";
  miss?: Answer;
  gone?: Answer;
}

// `any`: whatever environment the class has, and its arguments, as the language wants them.
type Constructor = Class<DurableObject<any>> & { prototype: object };
type EnvOf<Base extends Constructor> = ConstructorParameters<Base>[1];

const clock = (): number => Date.now() / 1000;

// The class with the toolkit. Raises TypeError when a method has no word.
export function withToolkit<Base extends Constructor>(
  Base: Base,
  wrapping: Wrapping<InstanceType<Base>, EnvOf<Base>>,
): Base & Class<ToolkitMethods> {
  const { storage, origin = () => "app" as const, duties } = wrapping;
  const methods = described(Base, wrapping.methods as Record<string, Does | Method>);
  const suspended = duties as ((object: object) => void | Promise<void>) | undefined;

  abstract class Wrapped extends withMethods(Base as Class<DurableObject>) {
    readonly #calls: OwnCalls;

    constructor(...given: any[]) {
      super(...given);
      const [ctx, env] = given as [DurableObjectState, EnvOf<Base>];
      const stage = (): "app" | "dual" => origin(env);
      const toolkit = new Toolkit(ctx.storage, () => ownValues(storage(ctx.storage), longestTtl(env)), clock, stage);
      this[TOOLKIT] = toolkit;
      this.#calls = new OwnCalls(toolkit, ctx.storage.sql, stage, () => ctx.id.name);
    }

    // The class purges nothing until the migration is finished. There is one alarm for both.
    override async alarm(info?: AlarmInvocationInfo): Promise<void> {
      if (this[TOOLKIT].mayPurge()) await super.alarm?.(info);
      else await suspended?.(this);
      await this[TOOLKIT].alarm();
    }

    static {
      for (const [name, method] of methods) {
        const own = Base.prototype[name as keyof object] as (...given: unknown[]) => unknown;
        const value = function (this: Wrapped, ...given: unknown[]): unknown {
          // The class's own constructor may call its methods.
          if (!(#calls in this)) return own.apply(this, given);
          return this.#calls.call(method, given, () => own.apply(this, given));
        };
        Object.defineProperty(this.prototype, name, { value, writable: true, configurable: true });
      }
    }
  }
  return Wrapped as unknown as Base & Class<ToolkitMethods>;
}

// What each method does, checked against the class itself.
function described(Base: Constructor, words: Record<string, Does | Method>): [string, Method][] {
  const names = methodNames(Base);
  const silent = names.filter((name) => !Object.hasOwn(words, name));
  if (silent.length > 0) {
    throw new TypeError(`say what these methods do (read, write, delete, many, other): ${silent.join(", ")}`);
  }
  return names.map((name) => {
    const word = words[name] as Does | Method;
    if (typeof word !== "string") return [name, word];
    return [name, word === "read" ? { does: word, miss: null } : { does: word }];
  });
}

// Every method that may be called by RPC, or by the runtime, but for the alarm.
function methodNames(Base: Constructor): string[] {
  const found = new Set<string>();
  let one = Base.prototype as object | null;
  for (; one !== null && one !== DurableObject.prototype; one = Object.getPrototypeOf(one) as object | null) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(one))) {
      if (typeof value === "function" && name !== "constructor" && name !== "alarm") found.add(name);
    }
  }
  return [...found];
}
