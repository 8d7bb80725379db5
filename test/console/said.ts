/** Where a console is, from what its process has printed so far; undefined where it has not said. */
export const urlIn = (said: string): string | undefined => /console at (http\S+)\s/.exec(said)?.[1];
