// Wire protocol v1 between kvferry and the bridge, as it arrives: every request is read into one of
// these shapes or refused. migrate/schemas/bridge-wire.v1.json says the same to everybody else.

import { isBinding } from "./notes.ts";
import { LOCATION_HINTS } from "./placement.ts";
import { array, base64, hexadecimal, integer, member, nullable, number, object, oneOf, optional, record, text, unless } from "./shape.ts";
import type { Shape } from "./shape.ts";

export const PROTOCOL = 1;
export const VERSION = "0.1.0"; // of kvferry

export const LONGEST_VALUE = 1_990_000; // bytes: SQLite's rows end at 2 MB, key and metadata included
export const LIMITS = {
  valueBytes: LONGEST_VALUE,
  bodyBytes: 8 * 1024 * 1024,
  answerBytes: 8 * 1024 * 1024, // of values; a read or scan stops there
  records: 4000, // of an import, replacements included
  keys: 1000, // of heads, read and burials, and of what has an object for each key
  objects: 500, // that are asked by their ids
  rows: 1000, // of a scan
  notes: 5000, // of an import, or in an answer
  notAfterSeconds: 900, // how far ahead an import's not-after time may be
  kvKeys: 200, // that are written or deleted in KV
  kvSeconds: 30, // how far ahead the not-after time of such writes may be
};

const KEY_BYTES = 512;
const LATEST = 253_402_300_799; // the end of the year 9999, in Unix seconds
const SAFE = Number.MAX_SAFE_INTEGER;

const protocol = member(PROTOCOL);
const key = text({ bytes: KEY_BYTES, least: 1 });
const name = text({ bytes: 1024, least: 1 });
const ownName = unless(isBinding, "is no note of the exporter's", name); // of a note that an import changes
// What the names of notes begin with, whatever follows.
const isFolder = (text: string): boolean => text.endsWith("/") && !isBinding(text);
const folder = unless((text: string) => !isFolder(text), "is no folder of the exporter's notes", text({ bytes: 64 }));
const prefix = text({ bytes: KEY_BYTES });
const expiration = nullable(integer(0, LATEST));
const sent = { key, value: base64(LONGEST_VALUE), metadata: nullable(text({ bytes: 8192 })), expiration };
const body = text({ bytes: 65_536 });
const legacy = optional(oneOf([true, false] as const)); // the operator's word: KV is right about such rows
const page = (most: number): Shape<number> => integer(1, most);
const shard = integer(0, 65_535);

export const importRequest = object({
  protocol,
  sweep: integer(0, SAFE),
  batch: text({ bytes: 128, least: 1 }),
  notAfter: nullable(number(0, LATEST)),
  differing: oneOf(["waiting_to_settle", "newer_here"] as const),
  records: array(object({ ...sent, releases: optional(ownName) }), LIMITS.records),
  replacements: array(
    object({
      ...sent,
      version: integer(1, SAFE),
      notAfter: number(0, LATEST),
      legacy,
    }),
    LIMITS.records,
  ),
  expect: array(object({ name, version: integer(0, SAFE) }), LIMITS.notes),
  checkpoint: nullable(object({ name: ownName, body, tally: record(64, 100, integer(-SAFE, SAFE)) })),
  notes: array(object({ name: ownName, body }), LIMITS.notes),
  forget: array(ownName, LIMITS.notes),
  unfit: optional(object({ name: folder, body })),
  locationHint: optional(oneOf(LOCATION_HINTS)),
});

// Nothing is written but the fence: while it is up, no row is replaced or buried.
export const fenceRequest = object({ protocol, up: oneOf([true, false] as const) });

export const buryRequest = object({
  protocol,
  batch: text({ bytes: 128, least: 1 }),
  notAfter: number(0, LATEST),
  expect: array(object({ name, version: integer(0, SAFE) }), LIMITS.notes),
  rows: array(object({ key, version: integer(1, SAFE), legacy }), LIMITS.keys),
});

export const kvRequest = object({
  protocol,
  notAfter: number(0, LATEST),
  puts: array(object(sent), LIMITS.kvKeys),
  deletes: array(key, LIMITS.kvKeys),
});

export const revertRequest = object({
  protocol,
  batch: text({ bytes: 128, least: 1 }),
  notAfter: number(0, LATEST),
  expect: array(object({ name, version: integer(0, SAFE) }), LIMITS.notes),
  rows: array(object({ key, version: integer(1, SAFE) }), LIMITS.keys),
});

// The end of the migration; `ids`: objects of one session each that are told, once it has come.
export const finishRequest = object({ protocol, ids: array(hexadecimal(64), LIMITS.objects) });

export const keysRequest = object({ protocol, keys: array(key, LIMITS.keys) });

export const objectsRequest = object({
  protocol,
  ids: array(hexadecimal(64), LIMITS.objects),
});

export const scanRequest = object({
  protocol,
  shard,
  prefix,
  after: nullable(key),
  upto: nullable(key),
  limit: page(LIMITS.rows),
  live: oneOf([true, false] as const),
  values: oneOf([true, false] as const),
});

export const tombstonesRequest = object({
  protocol,
  shard,
  prefix,
  after: nullable(key),
  limit: page(LIMITS.rows),
});

export const countRequest = object({ protocol, prefix });

export const statsRequest = object({ protocol });

export const probeRequest = object({
  protocol,
  records: array(object(sent), LIMITS.records),
  methods: oneOf([true, false] as const),
});

export const checkpointRequest = object({
  protocol,
  names: optional(array(name, LIMITS.notes)),
  prefix: optional(text({ bytes: 1024 })),
  after: optional(nullable(name)),
  limit: optional(page(LIMITS.notes)),
});

export type ImportRequest = ReturnType<typeof importRequest>;
export type BuryRequest = ReturnType<typeof buryRequest>;
export type KvRequest = ReturnType<typeof kvRequest>;
export type RevertRequest = ReturnType<typeof revertRequest>;
export type KeysRequest = ReturnType<typeof keysRequest>;
export type ObjectsRequest = ReturnType<typeof objectsRequest>;
export type ScanRequest = ReturnType<typeof scanRequest>;
export type TombstonesRequest = ReturnType<typeof tombstonesRequest>;
export type CountRequest = ReturnType<typeof countRequest>;
export type ProbeRequest = ReturnType<typeof probeRequest>;
export type CheckpointRequest = ReturnType<typeof checkpointRequest>;

export const REQUESTS = {
  import: importRequest,
  fence: fenceRequest,
  bury: buryRequest,
  kv: kvRequest,
  revert: revertRequest,
  finish: finishRequest,
  heads: keysRequest,
  read: keysRequest,
  objects: objectsRequest,
  scan: scanRequest,
  tombstones: tombstonesRequest,
  count: countRequest,
  stats: statsRequest,
  probe: probeRequest,
  checkpoint: checkpointRequest,
} as const;
