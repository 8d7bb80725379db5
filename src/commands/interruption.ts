/**
 * Aborts at the first Ctrl-C, or when nobody reads the output any more, so that what runs ends in order;
 * a second Ctrl-C ends the process.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, abort);
  process.stdout.on('error', abort);
  return controller.signal;
}
