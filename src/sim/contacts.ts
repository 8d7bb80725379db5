import type { MjData } from './mujoco.ts';
import type { Touching } from './tasks.ts';

/** Which of the named shapes touch in `data`, whatever MuJoCo's order of the pair. */
export function contactsOf(data: MjData, shapes: Map<string, number>): Touching {
  const pairs = new Set<string>();
  const contacts = data.contact;
  for (let index = 0; index < data.ncon; index++) {
    const contact = contacts.get(index);
    if (!contact) continue;
    pairs.add(`${contact.geom1} ${contact.geom2}`).add(`${contact.geom2} ${contact.geom1}`);
    contact.delete();
  }
  contacts.delete();
  return (first, second) => pairs.has(`${shapes.get(first)} ${shapes.get(second)}`);
}
