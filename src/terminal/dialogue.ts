import { createInterface } from 'node:readline';
import type { Output } from './output.ts';

/** There are no more answers: by `q` or Ctrl-C, or, as the message says, because the input has ended. */
export class Ended extends Error {
  override readonly name = 'Ended';
}

/** A talk with a person, a line at a time. */
export interface Dialogue {
  say(text: string): void;
  /** A line that the next one replaces, where there is a terminal; nothing elsewhere. */
  status(text: string): void;
  /**
   * The trimmed line that answers. In a terminal the line that `live` gives stands before the cursor and
   * is kept up to date. Throws `Ended` for Ctrl-C, and where the input has ended.
   */
  ask(question: string, live?: () => string): Promise<string>;
  /** Where pictures can be drawn; undefined where the output is no terminal. */
  screen: { columns: number; rows: number } | undefined;
  close(): void;
}

/** Milliseconds between two live lines. */
const LIVE_PERIOD = 100;

export interface DialogueOptions {
  input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  output: Output;
  /** Ends the dialogue. */
  signal: AbortSignal;
}

/** The dialogue over a pair of streams: with a person at a terminal, or with piped answers. */
export function terminalDialogue({ input, output, signal }: DialogueOptions): Dialogue {
  const isTerminal = Boolean(input.isTTY && output.isTTY);
  const { columns = 80, rows = 24 } = output;
  const lines = createInterface({ input, output, terminal: isTerminal });
  const answers: string[] = [];
  let over = false;
  let wake = () => {};
  const hear = (then: () => void) => {
    then();
    wake();
  };
  lines.on('line', (line) => hear(() => answers.push(line.trim())));
  lines.on('close', () => hear(() => (over = true)));
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);

  const clear = () => isTerminal && output.write('\r\u001b[K');

  async function answer(): Promise<string> {
    for (;;) {
      if (signal.aborted) throw new Ended();
      const line = answers.shift();
      if (line !== undefined) return line;
      if (over) throw new Ended('the answers have ended before all was asked');
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  return {
    screen: isTerminal ? { columns, rows } : undefined,
    say(text) {
      clear();
      output.write(`${text}\n`);
    },
    status(text) {
      if (!isTerminal) return;
      clear();
      output.write(text.slice(0, (output.columns ?? columns) - 1));
    },
    async ask(question, live) {
      clear();
      // What was typed before the question is no answer to it.
      if (isTerminal) answers.length = 0;
      if (!isTerminal || live) output.write(`${question}\n`);
      const draw = () => {
        lines.setPrompt(live ? `${live()}  > ` : `${question} `);
        lines.prompt(true);
      };
      if (isTerminal) draw();
      const timer = isTerminal && live ? setInterval(draw, LIVE_PERIOD) : undefined;
      try {
        return await answer();
      } finally {
        clearInterval(timer);
      }
    },
    close() {
      signal.removeEventListener('abort', onAbort);
      lines.close();
    },
  };
}

/** Asks until the answer is one of `choices`, by their keys; `q` ends. */
export async function choose<T>(
  dialogue: Dialogue,
  question: string,
  choices: Record<string, T>,
  live?: () => string,
): Promise<T> {
  for (;;) {
    const answer = await dialogue.ask(question, live);
    const key = answer.toLowerCase();
    if (key === 'q') throw new Ended();
    if (Object.hasOwn(choices, key)) return choices[key];
    const keys = [...Object.keys(choices), 'q'].map((known) => known || 'Enter');
    dialogue.say(`'${answer}' is none of ${keys.join(', ')}.`);
  }
}
