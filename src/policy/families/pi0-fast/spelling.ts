import { type Marks, allowedIds, mirrored } from './actionTokens.ts';
import type { FastConfig } from './config.ts';
import type { BytePairs } from './fast/bytePairs.ts';
import { UTF8_STATES, utf8Behind } from './fast/utf8.ts';

/** Which tokens spell whole characters: codes are pairs of bytes, some of which end within a character. */
export interface Spelling {
  /** Ends of text so far; the first is between two characters. */
  states: number;
  /** [states · allowed] whether each of `allowedIds` may follow. */
  may: boolean[];
  /** [states · allowed] the state behind it; the first where it may not follow. */
  behind: number[];
}

const [WHOLE] = UTF8_STATES;

/** The spelling of a policy's tokens. An end may follow only where no character is left open. */
export function spellingOf(pairs: BytePairs, config: FastConfig, marks: Marks): Spelling {
  const ids = allowedIds(config, marks);
  const next = UTF8_STATES.flatMap((state) =>
    ids.map((id, place) => {
      if (place < config.fast.vocabulary)
        return utf8Behind(state, pairs.bytes(mirrored(id, config)));
      return state === WHOLE ? state : undefined;
    }),
  );
  return {
    states: UTF8_STATES.length,
    may: next.map((state) => state !== undefined),
    behind: next.map((state) => Math.max(0, UTF8_STATES.indexOf(state!))),
  };
}
