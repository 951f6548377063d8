/** Exit codes of the CLI; part of its interface and documented in docs/cli.md. */
export const EXIT = {
  ok: 0,
  /** The deployment failed, `doctor` found a problem, or something unexpected happened. */
  failed: 1,
  usage: 2,
  notFound: 3,
  /** No token, an unknown one, or one that does not allow this. */
  unauthenticated: 4,
  unreachable: 5,
  cancelled: 6,
  /** The deployment failed and Slipway restored the last good release. */
  rolledBack: 7,
  /** The server understood the request and refused it; nothing was changed. */
  refused: 8,
  /** It waits for a person: for votes, for consent, or for a decision about what it left. */
  waiting: 9,
  /** Ctrl-C: the CLI stopped watching; what it had asked for goes on. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
