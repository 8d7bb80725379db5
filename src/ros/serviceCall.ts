import { setTimeout } from 'node:timers/promises';
import { UserError, messageOf } from '../errors.ts';
import { whyAborted } from '../control/abort.ts';
import type { RosNode } from './rclnodejs.ts';

export interface ServiceCall {
  type: string;
  name: string;
  request?: object;
  /** Milliseconds in which the service must be found. */
  appears?: number;
  /** Milliseconds in which it must answer. */
  answers?: number;
  /** Ends the call at once, with its reason as the error. */
  signal?: AbortSignal;
}

/** Milliseconds between two checks for a service. */
const LOOK = 20;

/**
 * Calls a service and gives its response. Throws a `UserError` where it does not appear or answer in time;
 * `ServiceAbsent` tells the first from the second.
 */
export async function callService(
  node: RosNode,
  { type, name, request = {}, appears = 5000, answers = 10_000, signal }: ServiceCall,
): Promise<Record<string, unknown>> {
  const client = node.createClient(type, name);
  try {
    const deadline = performance.now() + appears;
    while (!client.isServiceServerAvailable()) {
      if (signal?.aborted) throw whyAborted(signal);
      if (performance.now() > deadline)
        throw new ServiceAbsent(`${name}: no such service (ros2 service list)`, {
          kind: 'missing',
          subject: name,
        });
      await setTimeout(LOOK);
    }
    return await client.sendRequestAsync(request, { timeout: answers, signal });
  } catch (error) {
    if (signal?.aborted) throw whyAborted(signal);
    if (error instanceof UserError) throw error;
    throw new UserError(
      isTimeout(error)
        ? `${name}: no answer within ${answers / 1000} s; check the node that offers it (ros2 service info --verbose ${name})`
        : `${name}: ${messageOf(error)}`,
      { cause: error, kind: 'unreachable', subject: name },
    );
  } finally {
    node.destroyClient(client);
  }
}

/** A service that nobody offers. */
export class ServiceAbsent extends UserError {}

const isTimeout = (error: unknown) => error instanceof Error && error.name === 'TimeoutError';
