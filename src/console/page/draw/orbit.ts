import { type Signal, signal } from '@preact/signals';

/** From where a scene is looked at. */
export interface Orbit {
  /** About the vertical axis, rad. */
  turn: number;
  /** Above the horizon, rad. */
  height: number;
  /** Larger is nearer. */
  zoom: number;
}

export const FIRST: Orbit = { turn: -Math.PI / 2 - 0.5, height: 0.55, zoom: 1 };
export const newOrbit = (): Signal<Orbit> => signal(FIRST);

const within = (value: number, least: number, most: number) => Math.max(least, Math.min(most, value)); // prettier-ignore

export const turned = ({ turn, height, zoom }: Orbit, aside: number, up: number): Orbit => ({
  turn: turn + aside,
  height: within(height + up, -0.1, Math.PI / 2),
  zoom,
});

export const zoomed = (orbit: Orbit, factor: number): Orbit => ({
  ...orbit,
  zoom: within(orbit.zoom * factor, 0.4, 5),
});

/** Radians that a key turns. */
const STEP = Math.PI / 18;

/** What keys do to the orbit. */
export const KEYS: Readonly<Record<string, (orbit: Orbit) => Orbit>> = {
  ArrowLeft: (orbit) => turned(orbit, STEP, 0),
  ArrowRight: (orbit) => turned(orbit, -STEP, 0),
  ArrowUp: (orbit) => turned(orbit, 0, STEP),
  ArrowDown: (orbit) => turned(orbit, 0, -STEP),
  '+': (orbit) => zoomed(orbit, 1.2),
  '-': (orbit) => zoomed(orbit, 1 / 1.2),
  '0': () => FIRST,
};
