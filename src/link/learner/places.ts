import type { Displaced } from '../../learning/metrics.ts';
import { type Place, readAdapterHead } from '../../policy/bundle/adapter.ts';

/** A version's common place, and the robots that have their own, by name. */
type Placed = Place & { own?: ReadonlyMap<string, Place> };

/** Numbers from where a policy began; undefined where they are where it began. */
function moved(begun: Float32Array | undefined, now: Float32Array | undefined) {
  const length = (now ?? begun)?.length ?? 0;
  const steps = Array.from({ length }, (_, i) => (now?.[i] ?? 0) - (begun?.[i] ?? 0));
  return steps.some((step) => step !== 0) ? steps : undefined;
}

/** How far a robot's view and offset are from where the policy began; without what has not moved. */
export function movedFrom(begun: Placed, now: Placed, robot: string): Displaced {
  const [from, to] = [begun, now].map((at) => at.own?.get(robot) ?? at);
  const [view, offset] = [moved(from.view, to.view), moved(from.offset, to.offset)];
  return { ...(view && { view }), ...(offset && { offset }) };
}

/** Reads the places of versions from their files, each once; one that could not be read is tried again. */
export function placeReader(fileOf: (version: string) => string) {
  const known = new Map<string, Promise<Placed>>();
  return (version: string): Promise<Placed> => {
    const read = known.get(version) ?? readAdapterHead(fileOf(version));
    known.set(version, read);
    read.catch(() => known.delete(version));
    return read;
  };
}
