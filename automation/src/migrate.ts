import { migrate } from "./database/migrations.ts";
import { messageOf, SlipwayError } from "./errors.ts";
import { hostOf } from "./postgres/external.ts";

// Run as its own process before a rollout: DATABASE_URL=... node automation/src/migrate.ts
process.exitCode = await main(process.env.DATABASE_URL);

async function main(url: string | undefined): Promise<number> {
  if (url === undefined || url === "") {
    console.error("DATABASE_URL is not set: give the connection string of the database to migrate.");
    return 1;
  }
  try {
    const applied = await migrate(url, { onProgress: (message) => console.log(message) });
    console.log(applied.length === 0 ? "the schema is up to date" : `applied ${applied.length} migrations`);
    return 0;
  } catch (error) {
    const remedy = error instanceof SlipwayError ? error.remedy : undefined;
    const cause = error instanceof Error && error.cause !== undefined ? ` ${messageOf(error.cause)}.` : "";
    console.error(
      `Migrating ${hostOf(url)} failed: ${messageOf(error)}${cause}${remedy === undefined ? "" : ` ${remedy}`}`,
    );
    return 1;
  }
}
