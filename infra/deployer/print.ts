import { nameOf, placeOf } from "../components/aws/place.ts";
import { deployerDocuments } from "./documents.ts";
import type { DeployerPlace } from "./statement.ts";

const USAGE = "Usage: node infra/deployer/print.ts <environment> <account id> <region> [document]";

const [environment, accountId, region, wanted] = process.argv.slice(2);
if (environment === undefined || region === undefined || !/^\d{12}$/.test(accountId ?? "")) {
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}
const place = placeOf({ environment, region, accountId: accountId ?? "", owner: "", keepsData: true });
const withBoundary: DeployerPlace = {
  ...place,
  boundaryArn: `arn:${place.partition}:iam::${place.accountId}:policy/${nameOf(place, "boundary")}`,
};
const documents = Object.entries(deployerDocuments(withBoundary)).map(([name, document]) => [
  nameOf(place, name),
  document,
]);
const chosen = documents.filter(([name]) => wanted === undefined || name === `${place.prefix}-${wanted}`);
const [only] = chosen;
const shown = wanted === undefined ? Object.fromEntries(documents) : only?.[1];
if (shown === undefined) {
  process.stderr.write(`There is no document ${wanted ?? ""}. ${USAGE}\n`);
  process.exit(2);
}
process.stdout.write(`${JSON.stringify(shown, undefined, 2)}\n`);
