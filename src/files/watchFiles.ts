import { stat } from 'node:fs/promises';

/** Milliseconds between two looks. */
const LOOK_EVERY = 500;

/** What tells one state of a file or folder from another. */
const stateOf = (path: string) =>
  stat(path).then(
    ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
    () => 'absent',
  );

/**
 * Calls `onChange` now, and again whenever one of the files or folders has changed, one call after the other. Files
 * may be absent. `onChange` must not reject. Only reads. Returns what ends it.
 */
export function watchFiles(paths: readonly string[], onChange: () => Promise<void>): () => void {
  let seen: string | undefined;
  let isLooking = false;
  const look = async () => {
    const now = (await Promise.all(paths.map(stateOf))).join('\n');
    if (now === seen) return;
    seen = now;
    await onChange();
  };
  const lookAgain = () => {
    if (isLooking) return;
    isLooking = true;
    void look().finally(() => (isLooking = false));
  };
  lookAgain();
  const timer = setInterval(lookAgain, LOOK_EVERY);
  return () => clearInterval(timer);
}
