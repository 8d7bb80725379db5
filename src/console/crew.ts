import type { Crew, Role } from './protocol.ts';

/** A person at a page. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

/** Who is at the console, and who operates. */
export interface CrewKeeper {
  /** Adds a person; the first who may operate gets the seat. */
  join(person: Person): void;
  leave(id: string): void;
  /** Gives a person the seat, whoever had it. */
  seat(id: string): void;
  unseat(id: string): void;
  operates(id: string): boolean;
  state(): Crew;
}

export function createCrew(): CrewKeeper {
  const people = new Map<string, Person>();
  let operator: string | undefined;
  return {
    join(person) {
      people.set(person.id, person);
      if (person.role === 'operate') operator ??= person.id;
    },
    leave(id) {
      people.delete(id);
      if (operator === id) operator = undefined;
    },
    seat: (id) => void (operator = id),
    unseat(id) {
      if (operator === id) operator = undefined;
    },
    operates: (id) => operator === id,
    state() {
      const seated = operator === undefined ? undefined : people.get(operator);
      return {
        ...(seated && { operator: { id: seated.id, name: seated.name } }),
        people: [...people.values()].map(({ id, name, role }) => ({ id, name, role })),
      };
    },
  };
}
