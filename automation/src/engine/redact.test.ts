import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRedactor, REDACTED } from "./redact.ts";

const SECRET = `p"ss/w+rd & <key>\\1`;

function streamed(secrets: string[], chunks: string[]): string {
  let output = "";
  const stream = createRedactor(secrets).stream((text) => {
    output += text;
  });
  for (const chunk of chunks) stream.push(chunk);
  stream.end();
  return output;
}

describe("a redactor", () => {
  const redactor = createRedactor([SECRET]);

  test.each([
    ["in clear", SECRET],
    ["JSON-escaped", JSON.stringify(SECRET).slice(1, -1)],
    [
      "as Go escapes JSON",
      JSON.stringify(SECRET)
        .slice(1, -1)
        .replaceAll("<", "\\u003c")
        .replaceAll(">", "\\u003e")
        .replaceAll("&", "\\u0026"),
    ],
    ["URL-encoded", encodeURIComponent(SECRET)],
    ["in base64", Buffer.from(SECRET).toString("base64")],
    ["in base64url", Buffer.from(SECRET).toString("base64url")],
  ])("finds a secret %s", (_how, form) => {
    expect(redactor.text(`before ${form} after`)).toBe(`before ${REDACTED} after`);
  });

  test("finds a secret in base64 of more, whatever stands before and after it", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 6 }), fc.string({ maxLength: 6 }), (before, after) => {
        const encoded = Buffer.from(before + SECRET + after).toString("base64");
        const clean = redactor.text(encoded);
        expect(clean).toContain(REDACTED);
        expect(Buffer.from(clean.replace(REDACTED, ""), "base64").toString("latin1")).not.toContain(
          SECRET.slice(2, -2),
        );
      }),
    );
  });

  test("takes the longest of two secrets of which one holds the other", () => {
    expect(createRedactor(["abcdef", "abcdefghij"]).text("abcdefghij")).toBe(REDACTED);
    expect(streamed(["abcdef", "abcdefghij"], ["abcdef", "ghij."])).toBe(`${REDACTED}.`);
    expect(streamed(["abcdef", "abcdefghij"], ["abcdef", "gh."])).toBe(`${REDACTED}gh.`);
  });

  test("finds a secret in a stream however it is cut, and loses nothing else", () => {
    const text = `one ${SECRET} two ${SECRET}${SECRET} three p"ss/w+r`;
    const expected = redactor.text(text);
    expect(expected).not.toContain(SECRET);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const chunks = at.slice(1).map((end, index) => text.slice(at[index] ?? 0, end));
        expect(streamed([SECRET], chunks)).toBe(expected);
      }),
    );
  });

  test("finds each line of a secret of several lines", () => {
    const pem = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----";
    const clean = createRedactor([pem]);
    expect(clean.text("got MIIEvQIBADANBgkq")).toBe(`got ${REDACTED}`);
    expect(clean.text(`x${pem}y`)).toBe(`x${REDACTED}y`);
  });

  test("replaces a short secret only where it stands alone", () => {
    const clean = createRedactor(["on"]);
    expect(clean.text("on; reason: on")).toBe(`${REDACTED}; reason: ${REDACTED}`);
    expect(streamed(["on"], ["o", "n", "e o", "n"])).toBe(`one ${REDACTED}`);
  });

  test("cleans keys and values of JSON and keeps its shape", () => {
    expect(redactor.json({ [SECRET]: [1, null, true, `a${SECRET}`], n: { x: SECRET } })).toEqual({
      [REDACTED]: [1, null, true, `a${REDACTED}`],
      n: { x: REDACTED },
    });
  });

  test("without secrets changes nothing, and an empty secret is none", () => {
    expect(createRedactor([""]).text("as it is")).toBe("as it is");
    expect(streamed([], ["as ", "it is"])).toBe("as it is");
  });
});
