/** A promise that resolves when `signal` aborts, and what lets go of the signal. */
export function untilAborted(signal: AbortSignal | undefined) {
  let heard = () => {};
  const aborted = new Promise<void>((resolve) => (heard = resolve));
  if (signal?.aborted) heard();
  signal?.addEventListener('abort', heard, { once: true });
  return { aborted, forget: () => signal?.removeEventListener('abort', heard) };
}
