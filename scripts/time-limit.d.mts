export const LIMIT_MINUTES: number;
export const PEER_PARTS: readonly string[];
export const PEER_MINUTES: number;
export function timeLimit(table: readonly { name: string; minutes: number }[]): {
  peer: number;
  limit: number;
};
