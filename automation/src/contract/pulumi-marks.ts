/*
 * How Pulumi writes special values into JSON: states, plans, events. Sources: sdk/go/common/resource/sig and sdk/go/common/resource/plugin/rpc.go at 3.250.0.
 */

/** The key under which an object says what kind of special value it is. */
export const SIGNATURE = "4dabf18193072939515e22adb298388d";

/** The kind of an object that is a secret. */
export const SECRET_MARK = "1b47061264138c4ac30d75fd1eb44270";

/** The kinds of objects that are a file or an archive. */
export const FILE_MARKS: ReadonlySet<unknown> = new Set([
  "c44067f5952c0a294b673a41bacd8c17",
  "0def7320c3a5731c473e5ecbe6d01bc7",
]);

/** Stands for a text that is not known before the update. */
export const UNKNOWN_TEXT_MARK = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** What stands for a value of any kind that is not known yet: text, yes or no, number, list, asset, archive, object. */
export const UNKNOWN_MARKS: ReadonlySet<unknown> = new Set([
  UNKNOWN_TEXT_MARK,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);
