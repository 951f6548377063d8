import { at, isGiven, resourcePolicy } from "./rule.ts";

const LEAST_IN_PRODUCTION_DAYS = 90;

/** Logs have an end, and in production they last long enough to find out what happened. */
export const logRetention = resourcePolicy(
  "log-retention",
  `Logs are kept for a number of days, in production for ${LEAST_IN_PRODUCTION_DAYS} at least.`,
  ({ type, props }) => {
    if (type === "aws:lambda/function:Function") {
      return isGiven(props, "loggingConfig")
        ? []
        : ["must name its log group: one that Lambda makes keeps logs for ever"];
    }
    if (type !== "aws:cloudwatch/logGroup:LogGroup") return [];
    const days = at(props, "retentionInDays");
    if (typeof days !== "number" || days === 0)
      return ["must say for how long logs are kept: retentionInDays"];
    const isShort = at(props, "tags.environment") === "production" && days < LEAST_IN_PRODUCTION_DAYS;
    return isShort ? [`must keep logs for ${LEAST_IN_PRODUCTION_DAYS} days in production`] : [];
  },
);
