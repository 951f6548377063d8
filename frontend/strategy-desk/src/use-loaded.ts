import { useCallback, useEffect, useState } from "react";

export type Loaded<T> = {
  readonly value: T | undefined;
  readonly error: unknown;
  readonly reload: () => void;
};

/** Loads a value when shown and again after `reload`. `load` must keep its identity between renders. */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [round, setRound] = useState(0);
  const [state, setState] = useState<{ value: T | undefined; error: unknown }>({
    value: undefined,
    error: undefined,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round is what asks for another load
  useEffect(() => {
    let isCurrent = true;
    load().then(
      (value) => isCurrent && setState({ value, error: undefined }),
      (error: unknown) => isCurrent && setState((before) => ({ value: before.value, error })),
    );
    return () => {
      isCurrent = false;
    };
  }, [load, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { ...state, reload };
}
