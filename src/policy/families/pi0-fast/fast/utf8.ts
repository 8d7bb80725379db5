/** What may follow in UTF-8 (Unicode 17, table 3-7): from each state, ranges of bytes and the state behind them. */
const FOLLOWS = {
  whole: [
    [0x00, 0x7f, 'whole'],
    [0xc2, 0xdf, 'one'],
    [0xe0, 0xe0, 'e0'],
    [0xe1, 0xec, 'two'],
    [0xed, 0xed, 'ed'],
    [0xee, 0xef, 'two'],
    [0xf0, 0xf0, 'f0'],
    [0xf1, 0xf3, 'three'],
    [0xf4, 0xf4, 'f4'],
  ],
  one: [[0x80, 0xbf, 'whole']],
  two: [[0x80, 0xbf, 'one']],
  three: [[0x80, 0xbf, 'two']],
  e0: [[0xa0, 0xbf, 'one']],
  ed: [[0x80, 0x9f, 'one']],
  f0: [[0x90, 0xbf, 'two']],
  f4: [[0x80, 0x8f, 'two']],
} as const satisfies Record<string, readonly (readonly [number, number, string])[]>;

/** How much of a character is there: all of it, or what must follow. */
export type Utf8State = keyof typeof FOLLOWS;

export const UTF8_STATES = Object.keys(FOLLOWS) as Utf8State[];

/** The state behind bytes that follow one; undefined where they are no UTF-8 there. */
export function utf8Behind(begin: Utf8State, bytes: Uint8Array): Utf8State | undefined {
  let state: Utf8State | undefined = begin;
  for (const byte of bytes) {
    if (state === undefined) return undefined;
    state = FOLLOWS[state].find(([from, to]) => byte >= from && byte <= to)?.[2];
  }
  return state;
}
