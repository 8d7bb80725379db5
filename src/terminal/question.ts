/** What may be answered to a question. */
export interface Choice {
  /** What is typed; empty for Enter. */
  key: string;
  /** What it does, in a word or two; absent where the key says it. */
  says?: string;
}

/** What a person is asked. */
export interface Question {
  text: string;
  choices: readonly Choice[];
  /** The camera that it is about. */
  camera?: string;
}
