import { UserError, unready } from '../errors.ts';
import { type Dialogue, Ended } from '../terminal/dialogue.ts';
import type { Question } from '../terminal/question.ts';

/** What a page shows of a dialogue. */
export interface ShownDialogue {
  print: (text: string) => void;
  /** The question to be answered, with its number; undefined once it is. */
  question: (question: (Question & { number: number }) | undefined) => void;
  /** What is measured at this moment; empty for nothing. */
  reading: (text: string) => void;
  /** Ends the dialogue. */
  signal: AbortSignal;
}

/** Milliseconds between two readings. */
const LIVE_PERIOD = 100;

/** A question that waits for its answer. */
interface Asked {
  question: Question & { number: number };
  resolve: (key: string) => void;
  reject: (ended: Ended) => void;
}

/** A dialogue with the person at a page; `answer` takes what they press. */
export function pageDialogue({ print, question: show, reading, signal }: ShownDialogue) {
  let asked: Asked | undefined;
  let number = 0;
  signal.addEventListener('abort', () => asked?.reject(new Ended()), { once: true });
  const dialogue: Dialogue = {
    screen: undefined,
    print,
    status: reading,
    async ask({ text, choices, ...rest }, live) {
      if (signal.aborted) throw new Ended();
      const question = { ...rest, text: text.trim(), choices, number: ++number };
      show(question);
      const timer = live && setInterval(() => reading(live()), LIVE_PERIOD);
      try {
        return await new Promise<string>(
          (resolve, reject) => (asked = { question, resolve, reject }),
        );
      } finally {
        clearInterval(timer);
        asked = undefined;
        show(undefined);
        reading('');
      }
    },
    close: () => undefined,
  };
  return {
    dialogue,
    /** Answers the question of this number. Throws a `UserError` where that is not asked. */
    answer: (given: { question: number; key: string }): { value: null } => {
      if (asked?.question.number !== given.question)
        throw unready('that question is answered already');
      const choice = asked.question.choices.find(({ key }) => key === given.key);
      if (!choice)
        throw new UserError(`'${given.key}' is no answer to “${asked.question.text}”`, {
          kind: 'invalid',
          fields: ['key'],
        });
      asked.resolve(choice.key);
      return { value: null };
    },
  };
}
