import { expect, test } from "vitest";
import { hashToken, looksLikeToken, makeToken } from "./token.ts";

test("a token carries its kind and a checksum that fits", () => {
  const token = makeToken("owner");
  expect(token).toMatch(/^slp_owner_[0-9A-Za-z]{49}$/);
  expect(looksLikeToken(token)).toBe(true);
  expect(makeToken("owner")).not.toBe(token);
  expect(hashToken(token)).toHaveLength(32);
});

test("a token with one wrong character, another kind or something around it is told from a real one", () => {
  const token = makeToken("owner");
  const swapped = token.slice(0, 12) + (token[12] === "x" ? "y" : "x") + token.slice(13);
  for (const wrong of [
    swapped,
    token.replace("owner", "worker"),
    ` ${token}`,
    `${token}0`,
    token.slice(1),
    "",
  ]) {
    expect(looksLikeToken(wrong), wrong).toBe(false);
  }
});
