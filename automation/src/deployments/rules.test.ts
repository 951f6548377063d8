import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DeploymentOptions } from "../contract/deployments.ts";
import {
  DeploymentOperation,
  DeploymentStatus,
  DeploymentOptions as OptionsSchema,
} from "../contract/deployments.ts";
import type { RollbackCandidate } from "./rules.ts";
import {
  canMove,
  checkOptions,
  chooseRemediationTarget,
  chooseRollbackTarget,
  decideCancel,
  isTerminal,
  MOVES,
} from "./rules.ts";

const SAMPLE: Required<DeploymentOptions> = {
  targets: ["urn:pulumi:s::p::t::n"],
  targetDependents: true,
  replace: ["urn:pulumi:s::p::t::n"],
  refresh: false,
  parallel: 4,
  skipPreview: true,
  skipTests: true,
  clearPendingCreates: ["urn:pulumi:s::p::t::n"],
};
/** One row an operation, in the order of SAMPLE: what is taken. Written out again here, so that a change of the table is seen. */
const TAKEN: Record<DeploymentOperation, string> = {
  preview: "targets targetDependents replace refresh parallel",
  update: "targets targetDependents replace refresh parallel skipPreview skipTests",
  refresh: "targets targetDependents parallel clearPendingCreates",
  destroy: "targets targetDependents refresh parallel",
  rollback: "refresh parallel",
  "detect-drift": "parallel",
  "remediate-drift": "parallel",
};

describe("options", () => {
  test("the table of samples covers every option of the contract", () => {
    expect(Object.keys(SAMPLE).sort()).toEqual(Object.keys(OptionsSchema.shape).sort());
  });

  for (const operation of DeploymentOperation.options) {
    for (const name of Object.keys(SAMPLE) as (keyof DeploymentOptions)[]) {
      const taken = TAKEN[operation].split(" ").includes(name);
      test(`${operation} ${taken ? "takes" : "refuses"} ${name}`, () => {
        const options = { targets: SAMPLE.targets, [name]: SAMPLE[name] } as DeploymentOptions;
        if (!TAKEN[operation].includes("targets")) delete options.targets;
        if (name === "targets") options.targets = SAMPLE.targets;
        const check = () => checkOptions(operation, options, undefined);
        if (taken) expect(check).not.toThrow();
        else
          expect(check).toThrow(
            expect.objectContaining({
              code: "option_not_supported",
              message: expect.stringContaining(`options.${name}`),
            }) as Error,
          );
      });
    }
    test(`${operation} ${operation === "rollback" ? "takes" : "refuses"} a release`, () => {
      const check = () => checkOptions(operation, {}, 3);
      if (operation === "rollback") expect(check).not.toThrow();
      else expect(check).toThrow("release");
    });
  }

  test("all options without an effect are named at once", () => {
    expect(() =>
      checkOptions("rollback", { targets: ["a"], replace: ["b"], skipTests: false }, undefined),
    ).toThrow("options.targets, options.replace, options.skipTests");
  });

  test("targetDependents without targets is refused", () => {
    expect(() => checkOptions("update", { targetDependents: true }, undefined)).toThrow("needs targets");
  });
});

describe("moves", () => {
  const ALLOWED = [
    "queued running",
    "queued failed",
    "queued cancelled",
    "queued rejected",
    "queued expired",
    "queued stale",
    "running queued",
    "running waiting_approval",
    "running succeeded",
    "running failed",
    "running cancelled",
    "running rejected",
    "running expired",
    "running stale",
    "running interrupted",
    "running rolled_back",
    "waiting_approval queued",
    "waiting_approval cancelled",
    "waiting_approval rejected",
    "waiting_approval expired",
    "waiting_approval stale",
  ];
  test("every pair of statuses is allowed or refused as written here", () => {
    for (const from of DeploymentStatus.options) {
      for (const to of DeploymentStatus.options) {
        expect(canMove(from, to), `${from} -> ${to}`).toBe(ALLOWED.includes(`${from} ${to}`));
      }
    }
  });
  test("a terminal status is never left, and every other one can end", () => {
    for (const status of DeploymentStatus.options) {
      expect(MOVES[status].length === 0, status).toBe(isTerminal(status));
      if (!isTerminal(status)) expect(MOVES[status].some(isTerminal), status).toBe(true);
    }
  });
});

describe("cancel", () => {
  for (const status of DeploymentStatus.options) {
    test(`of a deployment that is ${status}`, () => {
      const decide = (cancelRequested: boolean) => () => decideCancel({ status, cancelRequested });
      if (isTerminal(status)) return expect(decide(false)).toThrow("ended already");
      expect(decide(false)()).toBe(status === "running" ? "asked" : "ended-now");
      return expect(decide(true)()).toBe(status === "running" ? "already-asked" : "ended-now");
    });
  }
});

describe("the release that undoes drift", () => {
  const release = (number: number, more: Partial<RollbackCandidate> = {}): RollbackCandidate => ({
    number,
    health: "good",
    sourceDigest: "source",
    configDigest: "config",
    quarantined: false,
    ...more,
  });

  test("is the one that the stack runs, and never an older one", () => {
    expect(chooseRemediationTarget([release(3), release(2)]).number).toBe(3);
    const refusals = [
      [[], "release_not_found"],
      [[release(3, { health: "bad" }), release(2)], "release_not_good"],
      [[release(3, { health: "pending" }), release(2)], "release_not_good"],
      [[release(3, { quarantined: true }), release(2)], "quarantined"],
    ] as const;
    for (const [releases, code] of refusals)
      expect(() => chooseRemediationTarget(releases)).toThrow(expect.objectContaining({ code }) as Error);
  });
});

describe("the target of a rollback", () => {
  const release = (number: number, health: RollbackCandidate["health"], source = `source ${number}`) => ({
    number,
    health,
    sourceDigest: source,
    configDigest: "config",
    quarantined: false,
  });

  test("is the newest good release before the current one", () => {
    const releases = [release(4, "bad"), release(3, "bad"), release(2, "good"), release(1, "good")];
    expect(chooseRollbackTarget(releases, undefined).number).toBe(2);
  });
  test("is not one that repeats the current source and config", () => {
    const releases = [release(3, "good", "a"), release(2, "good", "a"), release(1, "good", "b")];
    expect(chooseRollbackTarget(releases, undefined).number).toBe(1);
  });
  test("is not one that was quarantined after it was good", () => {
    const releases = [release(3, "bad"), { ...release(2, "good"), quarantined: true }, release(1, "good")];
    expect(chooseRollbackTarget(releases, undefined).number).toBe(1);
  });
  test("is the one asked for when it is good", () => {
    expect(chooseRollbackTarget([release(2, "good"), release(1, "good")], 1).number).toBe(1);
  });
  test("is refused with what is wrong", () => {
    const releases = [release(3, "good"), release(2, "bad"), release(1, "pending")];
    expect(() => chooseRollbackTarget(releases, 2)).toThrow(
      expect.objectContaining({ code: "release_not_good" }) as Error,
    );
    expect(() => chooseRollbackTarget(releases, 1)).toThrow(
      expect.objectContaining({ code: "release_not_good" }) as Error,
    );
    expect(() => chooseRollbackTarget(releases, 9)).toThrow(
      expect.objectContaining({ code: "release_not_found" }) as Error,
    );
    expect(() => chooseRollbackTarget(releases, undefined)).toThrow(
      expect.objectContaining({ code: "release_not_found" }) as Error,
    );
    expect(() => chooseRollbackTarget([], undefined)).toThrow("no good release");
  });
  test("is always good, whatever the history", () => {
    const history = fc.array(
      fc.record({ health: fc.constantFrom("pending", "good", "bad"), source: fc.constantFrom("a", "b") }),
    );
    fc.assert(
      fc.property(history, fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }), (given, asked) => {
        const releases = given.map((one, index) =>
          release(given.length - index, one.health as "good", one.source),
        );
        try {
          expect(chooseRollbackTarget(releases, asked).health).toBe("good");
        } catch (error) {
          expect(error).toMatchObject({
            code: expect.stringMatching(/^release_not_(found|good)$/) as string,
          });
        }
      }),
    );
  });
});
