import type { Approval, ApprovalRule } from "../../automation/src/approvals/rules.ts";
import type { WriterRow } from "../../automation/src/attempts/lease-rules.ts";
import type { AttemptStatus } from "../../automation/src/attempts/moves.ts";
import type { DeploymentOperation, DeploymentStatus } from "../../automation/src/contract/deployments.ts";

/** Rows of the simulated database, as far as they decide something. Rows are never changed in place. */
export interface Rows {
  stacks: {
    id: string;
    projectId: string;
    nextNumber: number;
    /** Counts the states: whatever an engine writes makes a new one. */
    serial: number;
    goodReleases: number;
    rules: readonly ApprovalRule[];
    needsApproval: boolean;
  };
  writers: WriterRow & { id: string };
  deployments: {
    id: string;
    stackId: string;
    number: number;
    operation: DeploymentOperation;
    version: number;
    status: DeploymentStatus;
    cause: "request" | "automatic-rollback";
    causedBy: string | null;
    rolledBackBy: string | null;
    requestKey: string | null;
    requestedBy: string;
    requestedAt: number;
    cancelRequested: boolean;
  };
  attempts: {
    id: string;
    deploymentId: string;
    number: number;
    workerId: string;
    epoch: number;
    status: AttemptStatus;
  };
  steps: {
    id: string;
    deploymentId: string;
    name: string;
    state: string;
    started: boolean;
    result: unknown;
    recordedAt: number;
  };
  events: { id: string; deploymentId: string; sequence: number; key: string };
  /** What the state backend knows of a deployment's update. */
  updates: { id: string; isComplete: boolean };
  approvals: Approval & { id: string };
  messages: { id: string; about: string; at: number };
  deliveries: {
    id: string;
    messageId: string;
    destination: string;
    status: "pending" | "delivered" | "dead";
    attempts: number;
    dueAt: number;
    deadline: number;
  };
  pauses: { id: string; isPaused: boolean };
  workers: { id: string; versions: readonly number[]; concurrency: number };
}
export type Table = keyof Rows;

/** A row before and after; `before` is undefined for a new one. */
export type Change = {
  [T in Table]: { table: T; id: string; before: Rows[T] | undefined; after: Rows[T] };
}[Table];

/** The right to write that a transaction claimed to have. */
export interface ClaimedFence {
  stackId: string;
  attemptId: string;
  epoch: number;
}

export interface AuditRow {
  action: string;
  subject: string;
  principal: string;
}

/** What a statement sees and writes. It all happens or nothing does. */
export interface Trx {
  /** The database's clock: milliseconds that go on with true time, whatever other clocks say. */
  readonly now: number;
  find<T extends Table>(table: T, id: string): Rows[T] | undefined;
  get<T extends Table>(table: T, id: string): Rows[T];
  all<T extends Table>(table: T): Iterable<Rows[T]>;
  put<T extends Table>(table: T, row: Rows[T]): void;
  /** Like an insert: throws when the row is there. */
  insert<T extends Table>(table: T, row: Rows[T]): void;
  audit(row: AuditRow): void;
  /** Says which right to write the transaction goes by. */
  fence: ClaimedFence | null;
}

/** What a transaction did, for the history. */
export interface Committed {
  changes: Change[];
  audit: AuditRow[];
  fence: ClaimedFence | null;
}

export interface Store {
  tables: { readonly [T in Table]: Map<string, Rows[T]> };
  transact<T>(now: number, work: (trx: Trx) => T, onCommit: (committed: Committed) => void): T;
}

export function openStore(): Store {
  const tables: Store["tables"] = {
    stacks: new Map(),
    writers: new Map(),
    deployments: new Map(),
    attempts: new Map(),
    steps: new Map(),
    events: new Map(),
    updates: new Map(),
    approvals: new Map(),
    messages: new Map(),
    deliveries: new Map(),
    pauses: new Map(),
    workers: new Map(),
  };
  const rowsOf = (table: Table): Map<string, object> => tables[table] as Map<string, object>;
  return {
    tables,
    transact(now, work, onCommit) {
      const changes: Change[] = [];
      const audit: AuditRow[] = [];
      const put = (table: Table, row: { id: string }): void => {
        const rows = rowsOf(table);
        changes.push({ table, id: row.id, before: rows.get(row.id), after: row } as Change);
        rows.set(row.id, row);
      };
      const trx: Trx = {
        now,
        fence: null,
        find: (table, id) => tables[table].get(id),
        get(table, id) {
          const row = tables[table].get(id);
          if (row === undefined) throw new Error(`there is no ${id} in ${table}`);
          return row;
        },
        all: (table) => tables[table].values(),
        put,
        insert(table, row) {
          if (rowsOf(table).has(row.id)) throw new Conflict(`${table} has a row ${row.id}`);
          put(table, row);
        },
        audit: (row) => void audit.push(row),
      };
      try {
        const answer = work(trx);
        if (changes.length > 0 || audit.length > 0) onCommit({ changes, audit, fence: trx.fence });
        return answer;
      } catch (error) {
        for (const { table, id, before } of changes.reverse()) {
          if (before === undefined) rowsOf(table).delete(id);
          else rowsOf(table).set(id, before);
        }
        throw error;
      }
    },
  };
}

/** A unique key was violated. */
export class Conflict extends Error {}
