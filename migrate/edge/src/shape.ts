// Shapes of parsed JSON: functions that give the value back, typed, or say where it is wrong.
// What they say never holds a part of the value, only the place: names, and numbers of items.

import { fromBase64, utf8 } from "./text.ts";

export class Misshapen extends Error {
  // A JSON pointer (RFC 6901).
  readonly pointer: string;
  readonly reason: string;

  constructor(pointer: string, reason: string) {
    super(reason);
    this.pointer = pointer;
    this.reason = reason;
  }
}

export type Shape<Value> = ((value: unknown, at?: string) => Value) & { optional?: boolean };

type Members = Record<string, Shape<unknown>>;
type Values<M extends Members> = { [Name in keyof M]: ReturnType<M[Name]> };

// Exactly these members: one that is missing or unknown is refused.
export function object<M extends Members>(members: M): Shape<Values<M>> {
  const names = Object.keys(members);
  return (value, at = "") => {
    const given = plain(value, at);
    // Its name is not told: it is the caller's text.
    if (Object.keys(given).some((name) => !Object.hasOwn(members, name))) {
      throw new Misshapen(at, "has an unknown member");
    }
    const found: Record<string, unknown> = {};
    for (const name of names) {
      const shape = members[name] as Shape<unknown>;
      const place = `${at}/${name}`;
      if (Object.hasOwn(given, name)) found[name] = shape(given[name], place);
      else if (!shape.optional) throw new Misshapen(place, "is missing");
    }
    return found as Values<M>;
  };
}

// Any members, up to `most` of them with names of up to `longest` characters.
export function record<Value>(longest: number, most: number, shape: Shape<Value>): Shape<Record<string, Value>> {
  return (value, at = "") => {
    const given = Object.entries(plain(value, at));
    if (given.length > most) throw new Misshapen(at, "has too many members");
    if (given.some(([name]) => name.length > longest)) throw new Misshapen(at, "has a name that is too long");
    return Object.fromEntries(given.map(([name, item], index) => [name, shape(item, `${at}/${index}`)]));
  };
}

export function array<Item>(shape: Shape<Item>, most: number): Shape<Item[]> {
  return (value, at = "") => {
    if (!Array.isArray(value)) throw new Misshapen(at, "is no array");
    if (value.length > most) throw new Misshapen(at, "has too many items");
    return value.map((item, index) => shape(item, `${at}/${index}`));
  };
}

// Bytes, up to `most` of them, from base64.
export function base64(most: number): Shape<Uint8Array> {
  const longest = Math.ceil(most / 3) * 4;
  return (value, at = "") => {
    if (typeof value !== "string") throw new Misshapen(at, "is no text");
    if (value.length > longest) throw new Misshapen(at, "is too long");
    const bytes = fromBase64(value);
    if (bytes === null) throw new Misshapen(at, "is no base64");
    return bytes;
  };
}

// Text, measured in bytes of UTF-8.
export function text({ bytes, least = 0 }: { bytes: number; least?: number }): Shape<string> {
  return (value, at = "") => {
    if (typeof value !== "string") throw new Misshapen(at, "is no text");
    if (!value.isWellFormed()) throw new Misshapen(at, "is no Unicode");
    if (value.length < least) throw new Misshapen(at, "is too short");
    if (value.length > bytes || (value.length * 3 > bytes && utf8(value).length > bytes)) {
      throw new Misshapen(at, "is too long");
    }
    return value;
  };
}

// So many hexadecimal digits, in small letters.
export function hexadecimal(digits: number): Shape<string> {
  const inLength = text({ bytes: digits, least: digits });
  return (value, at = "") => {
    const found = inLength(value, at);
    if (!/^[0-9a-f]*$/.test(found)) throw new Misshapen(at, "is written in another way");
    return found;
  };
}

export function integer(least: number, most: number): Shape<number> {
  const inRange = number(least, most);
  return (value, at = "") => {
    const found = inRange(value, at);
    if (!Number.isSafeInteger(found)) throw new Misshapen(at, "is no whole number");
    return found;
  };
}

export function number(least: number, most: number): Shape<number> {
  return (value, at = "") => {
    if (typeof value !== "number") throw new Misshapen(at, "is no number");
    if (!(value >= least && value <= most)) throw new Misshapen(at, "is out of range");
    return value;
  };
}

export function oneOf<const Member>(members: readonly Member[]): Shape<Member> {
  return (value, at = "") => {
    const found = members.find((one) => one === value);
    if (found === undefined) throw new Misshapen(at, "is none of the words that it may be");
    return found;
  };
}

export function member<const Member>(only: Member): Shape<Member> {
  return oneOf([only]);
}

// Any of a shape's values but those that `wrong` is true of.
export function unless<Value>(wrong: (value: Value) => boolean, reason: string, shape: Shape<Value>): Shape<Value> {
  return (value, at = "") => {
    const found = shape(value, at);
    if (wrong(found)) throw new Misshapen(at, reason);
    return found;
  };
}

export function nullable<Value>(shape: Shape<Value>): Shape<Value | null> {
  return (value, at) => (value === null ? null : shape(value, at));
}

export function optional<Value>(shape: Shape<Value>): Shape<Value | undefined> {
  return Object.assign((value: unknown, at?: string) => shape(value, at), { optional: true });
}

function plain(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Misshapen(at, "is no object");
  }
  return value as Record<string, unknown>;
}
