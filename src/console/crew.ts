import type { Crew, Role } from './protocol.ts';

/** A person at a page. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

/** Who is at the console, who operates, and whether the robot depends on their page as its heartbeat. */
export interface CrewKeeper {
  /** Adds a person; the first who may operate gets the seat. */
  join(person: Person): void;
  leave(id: string): void;
  /** Gives a person the seat, whoever had it. A heartbeat does not go over with it. */
  seat(id: string): void;
  unseat(id: string): void;
  operates(id: string): boolean;
  /** Whether the operator's page is the robot's heartbeat. */
  setHeartbeat(on: boolean): void;
  isHeartbeat(id: string): boolean;
  setSilent(id: string, isSilent: boolean): void;
  state(): Crew;
}

export function createCrew(): CrewKeeper {
  const people = new Map<string, Person>();
  const silent = new Set<string>();
  let operator: string | undefined;
  let heartbeat = false;
  const give = (id: string | undefined) => {
    if (operator !== id) heartbeat = false;
    operator = id;
  };
  return {
    join(person) {
      people.set(person.id, person);
      if (person.role === 'operate' && operator === undefined) give(person.id);
    },
    leave(id) {
      people.delete(id);
      silent.delete(id);
      if (operator === id) give(undefined);
    },
    seat: give,
    unseat(id) {
      if (operator === id) give(undefined);
    },
    operates: (id) => operator === id,
    setHeartbeat: (on) => void (heartbeat = on),
    isHeartbeat: (id) => operator === id && heartbeat,
    setSilent(id, isSilent) {
      if (isSilent) silent.add(id);
      else silent.delete(id);
    },
    state() {
      const seated = operator === undefined ? undefined : people.get(operator);
      return {
        ...(seated && {
          operator: { id: seated.id, name: seated.name, heartbeat, silent: silent.has(seated.id) },
        }),
        people: [...people.values()].map(({ id, name, role }) => ({ id, name, role })),
      };
    },
  };
}
