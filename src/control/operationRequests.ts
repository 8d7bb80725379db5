import type { Operation } from './operation.ts';

/** What people ask of an operation, by the names of their requests; `by` is who asks. */
export const operationRequests = (operation: Operation) => ({
  success: () => operation.judge('success'),
  failure: () => operation.judge('failure'),
  discard: (_: unknown, by: string) => operation.discard(by),
  stop: ({ reason }: { reason?: string }, by: string) => operation.stop(by, reason),
  resume: () => operation.resume(),
  home: () => operation.home(),
  sceneReady: () => operation.sceneReady(),
});
