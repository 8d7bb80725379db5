/** A destination of text: a terminal with its size in characters, a pipe, a file, or a buffer. */
export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** Writes a line. */
export const print = (out: Output, text: string): void => void out.write(`${text}\n`);
