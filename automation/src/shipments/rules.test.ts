import { expect, test } from "vitest";
import { AN_AWS_MANIFEST as manifest } from "../../../test/helpers/aws-manifest.ts";
import { hasManifest, livePins, manifestOf } from "./rules.ts";

test("a stack without a manifest, or with that of another target, ships nothing", () => {
  expect(hasManifest({})).toBe(false);
  expect(hasManifest({ manifest: { target: "local", url: "x" } })).toBe(false);
  expect(hasManifest({ manifest })).toBe(true);
  expect(manifestOf({ manifest })).toEqual(manifest);
});

test("a manifest with a missing field is refused, and the field is named; one without a target too", () => {
  const { artifactsBucket: _, ...without } = manifest;
  expect(() => manifestOf({ manifest: without })).toThrow(/artifactsBucket/);
  const { target: __, ...untargeted } = manifest;
  expect(hasManifest({ manifest: untargeted })).toBe(true);
  expect(() => manifestOf({ manifest: untargeted })).toThrow(/target/);
  const api = { ...manifest.functions.audit, healthPath: undefined };
  expect(() => manifestOf({ manifest: { ...manifest, functions: { audit: api } } })).toThrow(
    /functions\.audit\.healthPath/,
  );
  // A secret output is a marker in the state's facts: no place to upload to.
  expect(() => manifestOf({ manifest: { secret: true } })).toThrow(/Nothing was uploaded/);
});

test("pins name only functions that the state still has", () => {
  const pin = { version: "3", s3Key: "k", s3ObjectVersion: "v", sha256: "0".repeat(64) };
  const pins = { audit: pin, health: pin, gone: pin };
  const resources = [
    { type: "aws:lambda/function:Function", id: manifest.functions.audit?.name ?? "" },
    { type: "aws:s3/bucket:Bucket", id: manifest.functions.health?.name ?? "" },
  ];
  expect(livePins(pins, manifest, resources)).toEqual({ audit: pin });
  expect(livePins(pins, manifest, [])).toEqual({});
});
