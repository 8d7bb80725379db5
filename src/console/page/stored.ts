/** What this browser keeps for the page. It may refuse to keep anything: then a page forgets. */
export const stored = {
  get(name: string): string | undefined {
    try {
      return localStorage.getItem(`nalu.${name}`) ?? undefined;
    } catch {
      return undefined;
    }
  },
  set(name: string, value: string): void {
    try {
      localStorage.setItem(`nalu.${name}`, value);
    } catch {
      // Kept for this visit only.
    }
  },
};
