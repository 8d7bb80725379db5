import { keepTicks } from './ticks.ts';

/** A process that keeps control steps and does nothing else, to compare robots with: node tickMain.js */
await keepTicks();
