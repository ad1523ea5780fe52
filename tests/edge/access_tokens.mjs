// Signs tokens as Cloudflare Access does, with RSA keys that it makes.
//
//   node access_tokens.mjs     reads {keys: {KID: bits}, tokens: [{name, header, claims, key, how}]} from
//                              standard input, prints {jwks: {KID: jwk}, tokens: {name: token}}
//
// `how`: "sign" (RS256 under `key`), "none" (no signature), "hmac" (HS256, the secret is the public key's
// PEM, as a careless check would take it), "sha512" (RS512).
import { createHmac, createSign, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";

const { keys, tokens } = JSON.parse(readFileSync(0, "utf8"));
const made = new Map();
for (const [kid, modulusLength] of Object.entries(keys)) made.set(kid, generateKeyPairSync("rsa", { modulusLength }));
const url = (bytes) => Buffer.from(bytes).toString("base64url");
const signers = {
  sign: (text, { privateKey }) => createSign("RSA-SHA256").update(text).sign(privateKey),
  sha512: (text, { privateKey }) => createSign("RSA-SHA512").update(text).sign(privateKey),
  hmac: (text, { publicKey }) =>
    createHmac("sha256", publicKey.export({ type: "spki", format: "pem" })).update(text).digest(),
  none: () => "",
};
const signed = {};
for (const { name, header, claims, key, how } of tokens) {
  const text = `${url(JSON.stringify(header))}.${url(JSON.stringify(claims))}`;
  signed[name] = `${text}.${url(signers[how](text, made.get(key)))}`;
}
const jwks = {};
for (const [kid, { publicKey }] of made) {
  jwks[kid] = { ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" };
}
process.stdout.write(JSON.stringify({ jwks, tokens: signed }));
