// A stored value as an application reads it.

import { textOf } from "./text.ts";

// JSON, else text, else bytes.
export function decoded(value: Uint8Array): unknown {
  const text = textOf(value);
  if (text === null) return value;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
