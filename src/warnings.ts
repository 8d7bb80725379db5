/** Receives a warning, a sentence for people. */
export type WarningListener = (text: string) => void;

const listeners = new Set<WarningListener>();

/**
 * Calls `listener` with each warning of this process, and of the threads and processes that it starts: an execution
 * provider that was left out, a prompt that was cut. Without a listener warnings are dropped. Returns a function that
 * removes it.
 */
export function onWarning(listener: WarningListener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Passes a warning to all listeners. */
export function warn(text: string): void {
  for (const listener of listeners) listener(text);
}
