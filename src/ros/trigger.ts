import { UserError } from '../errors.ts';
import type { RosNode } from './rclnodejs.ts';
import { callService } from './serviceCall.ts';

/** Calls a std_srvs/Trigger service. Throws a `UserError` where it is not there, is silent or says no. */
export async function callTrigger(
  node: RosNode,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  const { success, message } = await callService(node, {
    type: 'std_srvs/srv/Trigger',
    name,
    signal,
  });
  if (success !== true)
    throw new UserError(`${name}: ${String(message)}`, { kind: 'unready', subject: name });
}
