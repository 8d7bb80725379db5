import type { MjData } from './mujoco.ts';
import type { Touching } from './tasks.ts';

/** More than the shapes of any scene: a pair is one number. */
const SHAPES = 2 ** 24;

/** Tests which named shapes, of one geom or several, touch in `data`, in either order of the pair. */
export function contactsOf(data: MjData, shapes: Map<string, number[]>): Touching {
  const pairs = new Set<number>();
  const { contact: contacts, ncon: count } = data;
  for (let index = 0; index < count; index++) {
    const contact = contacts.get(index);
    if (!contact) continue;
    const { geom1, geom2 } = contact;
    pairs.add(SHAPES * geom1 + geom2);
    contact.delete();
  }
  contacts.delete();
  const touch = (first: number, second: number) => pairs.has(SHAPES * first + second);
  return (one, other) => {
    const [ones, others] = [shapes.get(one) ?? [], shapes.get(other) ?? []];
    return ones.some((first) =>
      others.some((second) => touch(first, second) || touch(second, first)),
    );
  };
}
