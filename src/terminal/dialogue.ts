import { createInterface } from 'node:readline';
import type { Output } from './output.ts';
import type { Choice, Question } from './question.ts';

/** The dialogue is over: by `q` or Ctrl-C, or because the input has ended, as the message then states. */
export class Ended extends Error {
  override readonly name = 'Ended';
}

/** A dialogue with a person: in a terminal, or on a page. */
export interface Dialogue {
  print(text: string): void;
  /** A status line that the next output replaces; nothing if the output is not a terminal. */
  status(text: string): void;
  /**
   * Resolves to what is answered, trimmed; in a terminal that may be none of the choices. The text of `live` is kept
   * up to date meanwhile. Throws `Ended` on Ctrl-C and at the end of the input.
   */
  ask(question: Question, live?: () => string): Promise<string>;
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

const nameOf = ({ key }: Choice) => key || 'Enter';

/** A question with what may be typed: `Grippers: … (Enter: begin, s: skip, q: end)`. */
const questionLine = ({ text, choices }: Question) =>
  `${text} (${choices.map((choice) => [nameOf(choice), choice.says].filter(Boolean).join(': ')).join(', ')})`;

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
    async ask(asked, live) {
      const question = questionLine(asked);
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

/** A question whose answers stand for values. */
export interface Choosing<T> extends Question {
  choices: readonly (Choice & { value: T })[];
}

const END: Choice = { key: 'q', says: 'end' };

/** Repeats the question until the answer is one of its choices, and gives that one's value; `q` throws `Ended`. */
export async function choose<T>(
  dialogue: Dialogue,
  { choices, ...question }: Choosing<T>,
  live?: () => string,
): Promise<T> {
  const offered = [...choices.map(({ key, says }) => ({ key, says })), END];
  for (;;) {
    const answer = await dialogue.ask({ ...question, choices: offered }, live);
    const key = answer.toLowerCase();
    if (key === END.key) throw new Ended();
    const chosen = choices.find((choice) => choice.key === answer || choice.key === key);
    if (chosen) return chosen.value;
    dialogue.print(`'${answer}' is none of ${offered.map(nameOf).join(', ')}.`);
  }
}
