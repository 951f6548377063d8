import { expect, test } from "vitest";
import { parseS3Url } from "./s3-url.ts";

test("a bucket alone leaves everything else to the AWS settings of the person", () => {
  expect(parseS3Url("s3://state")).toEqual({
    bucket: "state",
    prefix: "",
    region: null,
    endpoint: null,
    pathStyle: false,
    profile: null,
  });
});

test.for([
  ["s3://state/a/b/", { prefix: "a/b/" }],
  ["s3://state/a%20b", { prefix: "a b/" }],
  ["s3://state?region=eu-central-1&profile=work&awssdk=v2", { region: "eu-central-1", profile: "work" }],
  [
    "s3://state?endpoint=minio:9000&disableSSL=true&s3ForcePathStyle=true",
    { endpoint: "http://minio:9000", pathStyle: true },
  ],
  ["s3://state?endpoint=minio:9000", { endpoint: "https://minio:9000" }],
  [
    "s3://state?endpoint=https://x.example&use_path_style=1&disable_https=false",
    { endpoint: "https://x.example", pathStyle: true },
  ],
] as const)("%s", ([url, expected]) => {
  expect(parseS3Url(url)).toMatchObject(expected);
});

test.for([
  ["s3://", /names no bucket/],
  ["s3://key:secret@state", /must not hold credentials/],
  ["s3://state?disableSSL=banana", /disableSSL must be true or false/],
  ["s3://state?colour=red", /option colour is not known/],
  ["s3://state?endpoint=::", /endpoint is no address/],
] as const)("%s is refused", ([url, message]) => {
  expect(() => parseS3Url(url)).toThrow(message);
  expect(() => parseS3Url(url)).not.toThrow(/secret/);
});
