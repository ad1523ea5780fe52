// The Worker's own code against the vectors that the tests in Python read as well. Runs in Node.js.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { allows, scopeOf, SCOPES } from "../../migrate/edge/src/bearer.ts";
import { remembered } from "../../migrate/edge/src/changes.ts";
import { longestTtl, rememberedUntil } from "../../migrate/edge/src/lifetimes.ts";
import { bookOf, LOCATION_HINTS, objectOf, placementOf } from "../../migrate/edge/src/placement.ts";
import type { Placement } from "../../migrate/edge/src/placement.ts";
import { Problem, problemOf } from "../../migrate/edge/src/problem.ts";
import { sameMetadata, standing } from "../../migrate/edge/src/record.ts";
import type { Origin, Row } from "../../migrate/edge/src/record.ts";
import { answerOf, nextHalf } from "../../migrate/edge/src/store/halves.ts";
import type { KvEnd, ObjectEnd, Verb } from "../../migrate/edge/src/store/halves.ts";
import { rampOf, stageOf } from "../../migrate/edge/src/store/stages.ts";
import type { Stage } from "../../migrate/edge/src/store/stages.ts";
import { Misshapen } from "../../migrate/edge/src/shape.ts";
import { digestAtOnce, sha256 } from "../../migrate/edge/src/sha256.ts";
import { compareKeys, digest, fromBase64, fromBase64Url, toBase64 } from "../../migrate/edge/src/text.ts";
import { REQUESTS } from "../../migrate/edge/src/wire.ts";

function vectors<Case>(name: string): Case[] {
  const text = readFileSync(new URL(`vectors/${name}.json`, import.meta.url), "utf8");
  const { cases } = JSON.parse(text) as { cases: Case[] };
  assert.ok(cases.length > 5);
  return cases;
}

type Key = { name: string; header: string | null; secret: string; now: number; scope: string | null };
for (const { name, header, secret, now, scope } of vectors<Key>("keys")) {
  test(`key: ${name}`, async () => assert.equal(await scopeOf(header, secret, now), scope));
}

test("every key of the right form is compared in constant time, before anything else is known of it", async () => {
  const verify = crypto.subtle.verify;
  const compared: string[] = [];
  crypto.subtle.verify = (async (...given: Parameters<typeof verify>) => {
    compared.push(given[0] as string);
    return verify.apply(crypto.subtle, given);
  }) as typeof verify;
  try {
    for (const { name, header, secret, now, scope } of vectors<Key>("keys")) {
      compared.length = 0;
      await scopeOf(header, secret, now);
      const formed = /^Bearer kvf1\.(verify|import|values|delete|kv)(\.[1-9]\d*){2}\.[\w-]{42}[AEIMQUYcgkosw048]$/.test(header ?? "");
      assert.deepEqual(compared, formed ? ["HMAC"] : [], name);
      assert.ok(formed || scope === null, name);
    }
  } finally {
    crypto.subtle.verify = verify;
  }
});

test("a key for one thing is not for another", () => {
  for (const scope of SCOPES) {
    assert.ok(allows(scope, "verify"));
    assert.equal(allows(scope, "import"), scope === "import");
    assert.equal(allows(scope, "values"), scope === "values");
    assert.equal(allows(scope, "delete"), scope === "delete");
    assert.equal(allows(scope, "kv"), scope === "kv");
  }
});

test("during a ramp a session is at the stage that the vectors say", () => {
  for (const { id, stage, percent, at } of vectors<{ id: string; stage: Stage; percent: string; at: Stage }>("ramp")) {
    const ramp = rampOf(stage, percent);
    assert.ok(ramp !== null);
    assert.equal(stageOf(ramp, id), at, `${stage} ${percent}`);
  }
});

type Halves = {
  stage: Stage; verb: Verb; object: ObjectEnd | null; kv: KvEnd | null; next: string | null; answer: string | null;
};
test("halves follow each other, and are answered, as the vectors say", () => {
  for (const one of vectors<Halves>("halves")) {
    const ends = { ...(one.object && { object: one.object }), ...(one.kv && { kv: one.kv }) };
    assert.equal(nextHalf(one.stage, one.verb, ends), one.next, JSON.stringify(one));
    assert.equal(answerOf(one.stage, one.verb, ends), one.answer, JSON.stringify(one));
  }
});

test("a session lives where the vectors say", () => {
  for (const { placement, id, object } of vectors<{ placement: string; id: string; object: string }>("placement")) {
    assert.equal(objectOf(placementOf(placement) as Placement, id), object);
  }
  assert.equal(bookOf({ kind: "shards", shards: 1 }), objectOf({ kind: "shards", shards: 1 }, "any"));
});

test("a word that names no placement is refused", () => {
  for (const { word, valid } of vectors<{ word: string; valid: boolean }>("placements")) {
    assert.equal(placementOf(word) !== null, valid, word);
  }
});

test("objects can be asked for where the vectors say", () => {
  assert.deepEqual([...LOCATION_HINTS], vectors<string>("places"));
});

test("the longest life of a session is what the variable says, and never less than a cookie's", () => {
  const day = 86_400;
  const said: [string | undefined, number][] = [
    [undefined, 400 * day], [String(500 * day), 500 * day], ["60", 400 * day], ["never", Infinity],
    ["", Infinity], ["500 days", Infinity], ["1e9", Infinity], ["-1", Infinity], ["0", Infinity],
  ];
  for (const [text, seconds] of said) {
    assert.equal(longestTtl(text === undefined ? {} : { KVFERRY_LONGEST_TTL: text }), seconds, text);
  }
  assert.equal(longestTtl(undefined), 400 * day);
});

test("a logout is remembered for as long as anything may bring the session back", () => {
  const now = 1000.5;
  for (const [expiration, written, longest, until] of [
    [undefined, undefined, 400, 1400], [1200, 900, 400, 1400], [1600, 1300, 400, 1600],
    [1600, 800, 400, 1800], [1600, 800.5, 400, 1800], [1200, undefined, 400, 1400], [900, 100, 400, 1800],
    [null, 900, 400, null], [null, undefined, 400, null], [1200, 900, Infinity, null], [undefined, undefined, Infinity, null],
  ] as const) {
    assert.equal(rememberedUntil(expiration, written, longest, now), until, `${expiration} ${written} ${longest}`);
  }
});

test("digests", async () => {
  for (const { value, times, digest: wanted } of vectors<{ value: string; times: number; digest: string }>("digests")) {
    const one = fromBase64(value) as Uint8Array;
    const whole = new Uint8Array(one.length * times);
    for (let time = 0; time < times; time++) whole.set(one, time * one.length);
    assert.equal(await digest(whole), wanted);
    assert.equal(digestAtOnce(whole), wanted);
    assert.equal(toBase64(one), value);
  }
});

test("a hash at once is the platform's, whatever the length", async () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 31 + length) & 255);
    assert.deepEqual(sha256(bytes), new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  }
});

test("base64 is read with its padding and nothing else in it", () => {
  assert.deepEqual(fromBase64("+/8="), Uint8Array.of(0xfb, 0xff));
  assert.deepEqual(fromBase64(""), Uint8Array.of());
  const wrong = ["+/8", "+/8\n", "+/8= ", " +/8=   ", "YWJj    ", "YW Jj\n\n\n", "-_8=", "a===", "====", "=", "é==="];
  for (const text of wrong) assert.equal(fromBase64(text), null, JSON.stringify(text));
});

test("base64url is read in the one way that it is written", () => {
  assert.deepEqual(fromBase64Url("-_8"), Uint8Array.of(0xfb, 0xff));
  for (const text of ["-_9", "+/8", "-_8=", "a", "é"]) assert.equal(fromBase64Url(text), null, text);
});

test("keys are compared by their UTF-8 bytes", () => {
  const keys = vectors<string>("order");
  for (let one = 0; one < keys.length; one++) {
    for (let other = 0; other < keys.length; other++) {
      const sign = Math.sign(compareKeys(keys[one] as string, keys[other] as string));
      assert.equal(sign, Math.sign(one - other), `${one} ${other}`);
    }
  }
});

test("metadata mean the same", () => {
  for (const { one, other, same } of vectors<{ one: string | null; other: string | null; same: boolean }>("metadata")) {
    assert.equal(sameMetadata(one, other), same, `${one} ${other}`);
    assert.equal(sameMetadata(other, one), same, `${other} ${one}`);
  }
});

test("how a record stands to a row", () => {
  const record = { key: "k", value: Uint8Array.of(1), metadata: '{"a":1}', expiration: 100 };
  const row = (changes: Partial<Row>): Row => ({
    ...record, origin: "copy", version: 1, changes: [], sweep: null, batch: null, tombstone: null, ...changes,
  });
  assert.equal(standing(record, row({ expiration: 101, metadata: '{ "a": 1 }' }), true), "equal");
  assert.equal(standing(record, row({ value: null }), true), "tombstoned");
  const differing: [Origin, string][] = [
    ["copy", "waiting_to_settle"], ["dual", "waiting_to_settle"], ["app", "newer_here"], ["legacy", "legacy"],
  ];
  for (const [origin, outcome] of differing) {
    for (const changes of [{ value: Uint8Array.of(2) }, { value: Uint8Array.of(1, 1) }, { expiration: 102 },
      { expiration: null }, { metadata: null }]) {
      assert.equal(standing(record, row({ origin, ...changes }), true), outcome);
    }
  }
});

type Requested = { name: string; verb: keyof typeof REQUESTS; document: unknown; pointer: string | null };
for (const { name, verb, document, pointer } of vectors<Requested>("requests")) {
  test(`${verb}: ${name}`, () => {
    const read: (document: unknown) => unknown = REQUESTS[verb];
    if (pointer === null) assert.deepEqual(sent(read(document)), document);
    else assert.throws(() => read(document), (error) => error instanceof Misshapen && error.pointer === pointer);
  });
}

// A request as it was sent: bytes in base64 again.
function sent(request: unknown): unknown {
  const text = JSON.stringify(request, (_, value) => (value instanceof Uint8Array ? toBase64(value) : value));
  return JSON.parse(text);
}

test("what is said of a wrong request holds nothing of it", () => {
  const planted = "planted-0123";
  const record = { key: planted, value: planted, metadata: planted, expiration: planted, [planted]: planted };
  for (const document of [planted, [planted], { [planted]: 1 }, { protocol: 1, keys: [[planted]] }]) {
    for (const read of Object.values(REQUESTS)) {
      assert.throws(() => read(document), (error) => !JSON.stringify(error).includes(planted));
    }
  }
  assert.throws(
    () => REQUESTS.import({ protocol: 1, sweep: 1, batch: "b", notAfter: 1, differing: "newer_here", records: [record] }),
    (error) => error instanceof Misshapen && !`${error.pointer}${error.message}`.includes(planted),
  );
});

test("an object's error is told by what the caller must do, never by its words", () => {
  const error = (members: object) => Object.assign(new Error("inner words"), members);
  assert.equal(problemOf(error({})).problem, "failed");
  assert.equal(problemOf(error({ retryable: true })).problem, "retryable");
  assert.equal(problemOf(error({ retryable: true, overloaded: true })).problem, "overloaded");
  assert.equal(problemOf("text").problem, "failed");
  const spent = [
    "Too many subrequests by single Worker invocation.",
    "Durable Object exceeded its CPU time limit and was reset.",
    "Durable Object's isolate exceeded its memory limit and was reset.",
    "Worker exceeded memory limit.",
  ];
  for (const words of spent) {
    assert.equal(problemOf(Object.assign(new Error(words), { retryable: true })).problem, "too-much", words);
  }
  assert.equal(problemOf(new Problem("late")).problem, "late");
});

test("what is no Unicode is refused", () => {
  assert.throws(() => REQUESTS.heads({ protocol: 1, keys: ["p:\ud800"] }), Misshapen);
});

// One change every so many seconds, remembered after each: what is remembered in the end.
function changed(every: number, times: number): { version: number; at: number }[] {
  let changes: { version: number; at: number }[] = [];
  for (let version = 1; version <= times; version += 1) {
    changes = remembered([...changes, { version, at: 1000 + version * every }]);
  }
  return changes;
}

for (const every of [0.2, 1, 3, 7, 14, 24]) {
  test(`a row that changes every ${every} s remembers roughly when each version ended that KV may show`, () => {
    for (const times of [1, 2, 5, 6, 7, 30, 1000, 1001, 1007]) {
      const changes = changed(every, times);
      assert.ok(changes.length <= 5);
      assert.equal(changes.at(-1)?.version, times);
      const now = 1000 + times * every;
      for (let version = 1; version < times; version += 1) {
        const ended = 1000 + (version + 1) * every;
        if (now - ended > 75) continue;
        const known = changes.filter((one) => one.version <= version + 1).map(({ at }) => at);
        const proven = Math.max(...known);
        assert.ok(proven <= ended && ended - proven < 25 + every, `${version} of ${times}: ${ended - proven} s`);
      }
    }
  });
}

test("of a row that seldom changes, or has changed a few times only, the last five changes are remembered", () => {
  for (const every of [25, 300]) assert.deepEqual(changed(every, 9).map(({ version }) => version), [5, 6, 7, 8, 9]);
  for (const every of [0, 1]) assert.deepEqual(changed(every, 5).map(({ version }) => version), [1, 2, 3, 4, 5]);
});
