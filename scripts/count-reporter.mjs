// A vitest reporter that writes what scripts/test.mjs adds up, skipped tests with their reasons among it.
import { writeFileSync } from "node:fs";

export default class CountReporter {
  onTestRunEnd(modules, errors) {
    const counts = { passed: 0, failed: 0, skipped: [] };
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const { state, note } = test.result();
        if (state === "passed") counts.passed += 1;
        else if (state === "failed") failedHere += 1;
        else
          counts.skipped.push({
            name: `${module.relativeModuleId}: ${test.fullName}`,
            reason: note ?? "no reason given",
          });
      }
      // A file that fails as a whole (it cannot be loaded, a hook failed, it left a process behind) has no test to count.
      if (failedHere === 0 && module.state() === "failed") failedHere = 1;
      counts.failed += failedHere;
    }
    if (counts.failed === 0 && errors.length > 0) counts.failed = errors.length;
    const file = process.env.SLIPWAY_TEST_COUNTS;
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
  }
}
