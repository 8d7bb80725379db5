import { createInterface } from 'node:readline';
import type { Output } from './output.ts';

/** The dialogue is over: by `q` or Ctrl-C, or because the input has ended, as the message then states. */
export class Ended extends Error {
  override readonly name = 'Ended';
}

/** A line-based dialogue with a person. */
export interface Dialogue {
  print(text: string): void;
  /** A status line that the next output replaces; nothing if the output is not a terminal. */
  status(text: string): void;
  /**
   * Resolves to the next line of input, trimmed. On a terminal, the text of `live` is the prompt and is kept
   * up to date. Throws `Ended` on Ctrl-C and at the end of the input.
   */
  ask(question: string, live?: () => string): Promise<string>;
  /** Size for drawing pictures; undefined if the output is not a terminal. */
  screen: { columns: number; rows: number } | undefined;
  close(): void;
}

/** Refresh period of the live line, ms. */
const LIVE_PERIOD = 100;

export interface DialogueOptions {
  input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  output: Output;
  /** Ends the dialogue. */
  signal: AbortSignal;
}

/** A dialogue over a pair of streams: a terminal, or piped answers. */
export function terminalDialogue({ input, output, signal }: DialogueOptions): Dialogue {
  const isTerminal = Boolean(input.isTTY && output.isTTY);
  const { columns = 80, rows = 24 } = output;
  const lines = createInterface({ input, output, terminal: isTerminal });
  const answers: string[] = [];
  let over = false;
  let wake = () => {};
  const onInput = (handle: () => void) => {
    handle();
    wake();
  };
  lines.on('line', (line) => onInput(() => answers.push(line.trim())));
  lines.on('close', () => onInput(() => (over = true)));
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
    print(text) {
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
      // Discards lines typed before the question.
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

/** Repeats the question until the answer is one of the keys of `choices`; `q` throws `Ended`. */
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
    dialogue.print(`'${answer}' is none of ${keys.join(', ')}.`);
  }
}
