/** What a browser keeps for the page. It may refuse to keep anything: then a page forgets. */
const keptIn = (place: () => Storage) => ({
  get(name: string): string | undefined {
    try {
      return place().getItem(`nalu.${name}`) ?? undefined;
    } catch {
      return undefined;
    }
  },
  set(name: string, value: string): void {
    try {
      place().setItem(`nalu.${name}`, value);
    } catch {
      // Kept for this visit only.
    }
  },
});

/** Kept for all pages of this browser. */
export const stored = keptIn(() => localStorage);
/** Kept for this tab alone, also when it is loaded again. */
export const storedInTab = keptIn(() => sessionStorage);
