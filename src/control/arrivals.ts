import type { SensorAge } from '../guard/guardEvents.ts';
import { type Stamped, stampFault } from './stamps.ts';

const milliseconds = (span: bigint) => Number(span) / 1e6;

/** The newest usable stamp of a source, and when something usable last arrived from it. */
type Arrival = Pick<Stamped, 'stamp' | 'arrived'>;

const older = ({ stamp, arrived }: Arrival) => (stamp < arrived ? stamp : arrived);

/** Per source: when the last usable message arrived, and why later messages are unusable. */
export class Arrivals {
  private readonly usable = new Map<string, Arrival>();
  private readonly faults = new Map<string, string>();

  /** Records a message. Returns whether it is usable. */
  note(message: Stamped): boolean {
    const { source, stamp, arrived } = message;
    const fault = stampFault(message);
    if (fault !== undefined) {
      this.faults.set(source, fault);
      return false;
    }
    this.faults.delete(source);
    const known = this.usable.get(source);
    this.usable.set(source, { stamp: known && known.stamp > stamp ? known.stamp : stamp, arrived });
    return true;
  }

  /** Records why a source's messages cannot be used. */
  refuse(source: string, fault: string): void {
    this.faults.set(source, fault);
  }

  /** Milliseconds at `now` since the newest usable message, by its stamp or its arrival, whichever is older. */
  age(kind: Stamped['kind'], source: string, now: bigint): SensorAge {
    const arrival = this.usable.get(source);
    const fault = this.faults.get(source);
    const age = arrival ? milliseconds(now - older(arrival)) : Infinity;
    return fault === undefined ? { kind, source, age } : { kind, source, age, fault };
  }
}
