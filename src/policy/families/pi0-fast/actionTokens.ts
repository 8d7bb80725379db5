import type { FastConfig } from './config.ts';

type Vocabulary = Pick<FastConfig, 'language' | 'fast'>;

/** The id in the language's table of a code, or the code of an id: codes count down from the table's end. */
export const mirrored = (id: number, { language, fast }: Vocabulary): number =>
  language.vocabulary - 1 - fast.skip - id;

/** The first id of the table that is a code's. */
export const firstCodeId = (vocabulary: Vocabulary): number =>
  mirrored(vocabulary.fast.vocabulary - 1, vocabulary);

/** Ids that stand around a chunk's codes. */
export interface Marks {
  /** Before them. */
  lead: readonly number[];
  /** What ends them: `|`, or the end of the text. */
  ends: readonly number[];
}

/** Ids that may follow the marks before a chunk's codes, in order: those of codes, then ends. */
export function allowedIds(config: FastConfig, { ends }: Marks): number[] {
  const first = firstCodeId(config);
  return [...Array.from({ length: config.fast.vocabulary }, (_, i) => first + i), ...ends];
}

/** The codes of tokens: of those before the first end, without the marks that stand before codes. */
export function codesIn(tokens: readonly number[], { lead, ends }: Marks, vocabulary: Vocabulary) {
  const end = tokens.findIndex((token) => ends.includes(token));
  const told = end < 0 ? tokens : tokens.slice(0, end);
  const codes: number[] = [];
  for (let i = 0; i < told.length; i++) {
    if (lead.every((token, j) => told[i + j] === token)) i += lead.length - 1;
    else codes.push(mirrored(told[i], vocabulary));
  }
  return codes;
}
