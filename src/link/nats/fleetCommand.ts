import { connectNats } from '../../nats/connect.ts';
import type { FleetAct } from './fleet.ts';
import { orderFleet } from './fleetOrder.ts';
import { fleetReport } from './fleetReport.ts';
import { readFleet } from './fleetState.ts';

export interface FleetCommand {
  address: string;
  keys?: string;
  /** What is wanted of the fleet; it is only shown where absent. */
  order?: FleetAct;
  isJson: boolean;
}

/** What `nalu fleet` prints, a line each. Throws a `UserError`. */
export async function showFleet({ address, keys, order, isJson }: FleetCommand): Promise<string[]> {
  const nats = await connectNats({ address, keys });
  try {
    if (order) {
      const says = await orderFleet(nats, order);
      return [isJson ? JSON.stringify({ says }) : says];
    }
    const fleet = await readFleet(nats);
    return isJson ? [JSON.stringify(fleet)] : fleetReport(fleet);
  } finally {
    await nats.close();
  }
}
