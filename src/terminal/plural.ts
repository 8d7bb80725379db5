/** One thing, or several: "1 attempt", "3 attempts". */
export const plural = (count: number, word: string): string =>
  `${count} ${word}${count === 1 ? '' : 's'}`;
