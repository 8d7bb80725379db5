import { setTimeout } from 'node:timers/promises';
import { JetStreamApiError } from '@nats-io/jetstream';
import { PermissionViolationError } from '@nats-io/transport-node';
import { UserError } from '../errors.ts';

/** Milliseconds between two tries. */
const PAUSE = 500;
/** The code of a server whose JetStream is not ready yet. */
const NOT_YET = 10_008;

/** What the server has refused, in a sentence; undefined for what may pass at the next try. */
function refusalOf(error: unknown): UserError | undefined {
  if (error instanceof UserError) return error;
  if (error instanceof PermissionViolationError)
    return new UserError(`the NATS server does not allow this user to do that: ${error.message}`, { cause: error, kind: 'invalid' }); // prettier-ignore
  if (error instanceof JetStreamApiError && error.code !== NOT_YET)
    return new UserError(`the NATS server refused: ${error.message}`, {
      cause: error,
      kind: 'invalid',
    });
  return undefined;
}

/**
 * Does something over and over until the server has answered. Throws a `UserError` for what it refuses, such as a
 * limit that is reached, and the signal's reason once it aborts.
 */
export async function persist<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal) throw refusal;
      await setTimeout(PAUSE, undefined, { signal });
    }
  }
}
