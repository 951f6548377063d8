import { expect, test } from "vitest";
import { rollbackChoices } from "./rollback-choices.ts";

const made = (number: number, source: string, health: "good" | "bad" = "good") => ({
  number,
  health,
  quarantined: false,
  sourceDigest: source,
  configDigest: "config",
});

test("what would change something comes before what runs already, however new that is", () => {
  const releases = [made(4, "b"), made(3, "c", "bad"), made(2, "b"), made(1, "a")];
  expect(rollbackChoices(releases, 4).map(({ release, runs }) => [release.number, runs])).toEqual([
    [1, false],
    [2, true],
  ]);
});

test("only what is good and not quarantined can be gone back to, newest first", () => {
  const releases = [made(4, "d", "bad"), { ...made(3, "c"), quarantined: true }, made(2, "b"), made(1, "a")];
  expect(rollbackChoices(releases, 4).map(({ release }) => release.number)).toEqual([2, 1]);
});
