/** Longest line handed on in one piece; longer ones are cut, so that one endless line cannot fill the memory. */
const MAX_LINE_CHARACTERS = 16_384;

/** Cuts a stream of text into lines. */
export interface LineSplitter {
  push(text: string): void;
  /** Hands on what is left without a closing newline. */
  end(): void;
}

/**
 * Calls `onLine` for every line without its line end (\n or \r\n). A line longer than `maxCharacters` is handed on in
 * pieces of that length.
 */
export function splitLines(
  onLine: (line: string) => void,
  maxCharacters: number = MAX_LINE_CHARACTERS,
): LineSplitter {
  let rest = "";
  const emit = (line: string): void => onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
  return {
    push(text) {
      let start = 0;
      for (;;) {
        const newline = text.indexOf("\n", start);
        if (newline === -1) break;
        let line = rest + text.slice(start, newline);
        rest = "";
        while (line.length > maxCharacters) {
          onLine(line.slice(0, maxCharacters));
          line = line.slice(maxCharacters);
        }
        emit(line);
        start = newline + 1;
      }
      rest += text.slice(start);
      while (rest.length > maxCharacters) {
        onLine(rest.slice(0, maxCharacters));
        rest = rest.slice(maxCharacters);
      }
    },
    end() {
      if (rest !== "") emit(rest);
      rest = "";
    },
  };
}
