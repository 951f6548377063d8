import { expect, test } from "vitest";
import { AN_AWS_MANIFEST as manifest } from "../../../test/helpers/aws-manifest.ts";
import { hasManifest, livePins, manifestOf, servingOn } from "./rules.ts";

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

test("pins name only functions that the state still has, and what they were made for", () => {
  const pin = { version: "3", s3Key: "k", s3ObjectVersion: "v", sha256: "0".repeat(64) };
  const pins = { audit: pin, health: pin, gone: pin };
  const { artifactsBucket } = manifest;
  const resources = [
    { type: "aws:lambda/function:Function", id: manifest.functions.audit?.name ?? "" },
    { type: "aws:s3/bucket:Bucket", id: manifest.functions.health?.name ?? "" },
  ];
  const functionName = manifest.functions.audit?.name;
  expect(livePins(pins, manifest, resources)).toEqual({ audit: { ...pin, functionName, artifactsBucket } });
  expect(livePins(pins, manifest, [])).toEqual({});
});

test("of a function by another name, or with another bucket of packages, no version counts as the one that serves", () => {
  const pin = { version: "3", s3Key: "k", s3ObjectVersion: "v", sha256: "0".repeat(64) };
  const serving = { shipment: { functions: { audit: pin, health: pin, gone: pin } }, manifest };
  const { audit, health } = manifest.functions;
  if (audit === undefined || health === undefined) throw new Error("the manifest lacks a function");
  expect(servingOn(manifest, undefined)).toEqual({});
  expect(servingOn(manifest, serving)).toEqual({ audit: pin, health: pin });
  const renamed = { ...manifest, functions: { audit: { ...audit, name: "desk-audit-2" }, health } };
  expect(servingOn(renamed, serving)).toEqual({ health: pin });
  expect(servingOn({ ...manifest, artifactsBucket: "elsewhere" }, serving)).toEqual({});
});
