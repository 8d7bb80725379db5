/**
 * What waits for a promise, but no longer than until `signal` aborts; one wait at a time. `forget` lets go of
 * the signal. (A race with one promise of the whole attempt would keep every wait's result as long.)
 */
export function untilAborted(signal: AbortSignal | undefined) {
  let wake = () => {};
  const heard = () => wake();
  signal?.addEventListener('abort', heard, { once: true });
  return {
    orAborted: (awaited: Promise<unknown>) =>
      new Promise<void>((resolve, reject) => {
        wake = resolve;
        if (signal?.aborted) resolve();
        awaited.then(() => resolve(), reject);
      }),
    forget: () => signal?.removeEventListener('abort', heard),
  };
}
