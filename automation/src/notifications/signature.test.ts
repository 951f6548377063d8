import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { makeSigningSecret, signatureHeaders } from "./signature.ts";

// The specification's own example.
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MESSAGE = {
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  at: new Date(1_614_265_330_000),
  body: Buffer.from('{"test": 2432232314}'),
};

test("the signature is the one of the specification's example", () => {
  expect(signatureHeaders(MESSAGE, [SECRET])).toEqual({
    "webhook-id": MESSAGE.id,
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
});

test("while a secret is being replaced both sign", () => {
  const next = makeSigningSecret();
  const { "webhook-signature": both } = signatureHeaders(MESSAGE, [next, SECRET]);
  const parts = (both ?? "").split(" ");
  expect(parts[1]).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  expect(parts[0]).toBe(
    `v1,${createHmac("sha256", Buffer.from(next.slice(6), "base64"))
      .update(`${MESSAGE.id}.1614265330.{"test": 2432232314}`)
      .digest("base64")}`,
  );
});

test("a secret has 32 bytes in the form of the specification, and no two are the same", () => {
  const [one, two] = [makeSigningSecret(), makeSigningSecret()];
  expect(one).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(one).not.toBe(two);
});
