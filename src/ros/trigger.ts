import { UserError } from '../errors.ts';
import type { RosNode } from './rclnodejs.ts';

/** Milliseconds that a service may take to be there. */
const PATIENCE = 5000;

/** Calls a std_srvs/Trigger service. Throws a `UserError` where it is not there or says no. */
export async function callTrigger(node: RosNode, service: string): Promise<void> {
  const client = node.createClient('std_srvs/srv/Trigger', service);
  if (!(await client.waitForService(PATIENCE)))
    throw new UserError(`${service}: no such service (ros2 service list)`);
  const { success, message } = await new Promise<Record<string, unknown>>((resolve) =>
    client.sendRequest({}, resolve),
  );
  if (success !== true) throw new UserError(`${service}: ${String(message)}`);
}
