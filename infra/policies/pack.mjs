// Serves the policies to the engine that started this process; whoever wants the policies alone imports policies.ts. No TypeScript itself: Pulumi's launcher of packs would compile it by ts-node, which
// knows no imports that end with .ts, while Node strips the types of what is imported from here.
import policy from "@pulumi/policy";
import { policies } from "./policies.ts";

new policy.PolicyPack("aws-house-rules", { policies });
