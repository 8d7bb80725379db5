import type { MjData } from './mujoco.ts';
import type { Touching } from './tasks.ts';

/** Tests which named shapes touch in `data`, in either order of the pair. */
export function contactsOf(data: MjData, shapes: Map<string, number>): Touching {
  const pairs = new Set<string>();
  const { contact: contacts, ncon: count } = data;
  for (let index = 0; index < count; index++) {
    const contact = contacts.get(index);
    if (!contact) continue;
    const { geom1, geom2 } = contact;
    pairs.add(`${geom1} ${geom2}`).add(`${geom2} ${geom1}`);
    contact.delete();
  }
  contacts.delete();
  return (first, second) => pairs.has(`${shapes.get(first)} ${shapes.get(second)}`);
}
