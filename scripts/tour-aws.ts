/**
 * `npm run tour:aws [-- --stay]`: the AWS target from nothing to a release that rolls itself back, on a stand-in for AWS on this machine. Needs python3 and takes no account. With --stay Slipway goes on
 * until Ctrl-C, so that the console and the audit log can be looked at.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { CreateHostedZoneCommand, Route53Client } from "@aws-sdk/client-route-53";
import { messageOf } from "../automation/src/errors.ts";
import { startAws } from "../test/helpers/aws.ts";
import { installAwsProvider } from "../test/helpers/aws-provider.ts";
import { freePort, startSlipwayIn } from "../test/helpers/running.ts";
import { openConsole } from "./tour-aws/console.ts";
import { makePerson, personWith } from "./tour-aws/people.ts";
import { namesOf, PROJECT, shareDependencies, writeDesk, ZONE } from "./tour-aws/project.ts";
import { tour } from "./tour-aws/tour.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "..");
const REGION = "eu-central-1";
const { values } = parseArgs({ options: { stay: { type: "boolean", default: false } } });
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const aws = await startAws();
if ("missing" in aws) {
  say(`The tour cannot be made here: ${aws.missing}`);
  process.exit(1);
}
const home = mkdtempSync(path.join(tmpdir(), "slipway-tour-aws-"));
const [dataDir, folder] = [path.join(home, "data"), path.join(home, PROJECT)];
mkdirSync(dataDir, { mode: 0o700 });
writeDesk(folder, aws);
shareDependencies(dataDir, folder);
installAwsProvider(path.join(dataDir, "pulumi-home"));
// As an administrator does, whose registrar names its name servers.
await new Route53Client({ endpoint: aws.url, region: REGION, credentials: credentialsOf(aws.env) }).send(
  new CreateHostedZoneCommand({ Name: ZONE, CallerReference: PROJECT }),
);
const ofAws = { ...aws.env, AWS_REGION: REGION };
const slipway = await startSlipwayIn(REPOSITORY, {
  dataDir,
  port: await freePort(),
  env: { ...ofAws, SLIPWAY_ENGINE_ENV: Object.keys(ofAws).join(","), SLIPWAY_PROJECT_ROOTS: home },
});
const interrupted = new Promise<"interrupted">((resolve) =>
  // Not once: npm passes a Ctrl-C on that the terminal has sent already.
  process.on("SIGINT", () => resolve("interrupted")),
);
try {
  const { url } = slipway;
  const token = slipway.token();
  say(`Slipway with a stand-in for AWS: ${url} (token: ${path.join(dataDir, "owner-token")})`);
  const console = await openConsole(url, token);
  if ("missing" in console) say(`The console is not visited: ${console.missing}`);
  try {
    const owner = personWith(url, token);
    const [ann, ben] = [
      await makePerson(url, owner, "ann", "admin"),
      await makePerson(url, owner, "ben", "admin"),
    ];
    const made = tour({
      folder,
      url,
      owner,
      ann,
      ben,
      console: "missing" in console ? null : console,
      connectTo: namesOf(aws),
      cliEnv: { ...ofAws, SLIPWAY_URL: url, SLIPWAY_TOKEN: token, XDG_CONFIG_HOME: home },
      say,
    });
    const ended = await Promise.race([
      made.then(
        () => "done" as const,
        (thrown: unknown) => ({ thrown }),
      ),
      interrupted,
    ]);
    if (typeof ended === "object") {
      say(`\nThe tour ended early: ${messageOf(ended.thrown)}`);
      process.exitCode = 1;
    }
    if (values.stay && ended !== "interrupted") {
      say("It stays until Ctrl-C.");
      await interrupted;
    }
  } finally {
    if (!("missing" in console)) await console.close();
  }
} finally {
  await slipway.interrupt();
  await aws.stop();
  rmSync(home, { recursive: true, force: true });
}

function credentialsOf(env: Readonly<Record<string, string>>) {
  return { accessKeyId: env.AWS_ACCESS_KEY_ID ?? "", secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? "" };
}
