import policy from "@pulumi/policy";
import { policies } from "./policies.ts";

// Serves the policies to the engine that started this process. Whoever wants the policies alone imports policies.ts.
new policy.PolicyPack("aws-house-rules", { policies });
