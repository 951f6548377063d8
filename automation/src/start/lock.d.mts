/** Takes the lock file, or answers the pid of the process that holds it. A lock whose holder is gone is taken over. */
export function tryLock(file: string): { release: () => void } | { holder: number };
