import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { packagePath } from '../src/files/packagePath.ts';
import { expertTrajectory } from '../src/sim/expert.ts';
import { loadScene } from '../src/sim/loadScene.ts';
import { mujoco } from '../src/sim/mujoco.ts';
import { simulatedAloha } from '../src/sim/simulatedAloha.ts';
import type { SimTaskName } from '../src/sim/taskNames.ts';
import { controlsFromPositions } from '../src/sim/vectors.ts';
import type { Row } from './row.ts';
import { paceOf, pictureRows } from './sim.ts';

const FILES: Record<SimTaskName, string> = {
  'transfer-cube': 'bimanual_viperx_transfer_cube.xml',
  insertion: 'bimanual_viperx_insertion.xml',
};

/** Physics steps of a control step of 20 ms. */
const SUBSTEPS = 10;
/** Control steps of 2 s. */
const FREE_STEPS = 100;
/** m along x, to where objects fall beside the table. */
const BESIDE = 5;
const FRAMES = 20;
/** Positions of both arms, and of each object after them: x first. */
const JOINTS = 16;
const POSE = 7;
/** A left finger's position where no finger touches the other, m. */
const OPEN = 0.05;

/** A motion to be simulated twice. */
interface Motion {
  scene: string;
  substeps: number;
  start: number[];
  controls: number[][];
}

/** What a simulation of a motion gave, after each control step. */
interface Course {
  positions: number[][];
  contacts: number[];
}

/** The motion as MuJoCo's Python package simulates it; undefined where it is not there. */
async function inPython(
  motion: Motion,
): Promise<(Course & { version: string; pace: number }) | undefined> {
  const script = packagePath('bench/native_mujoco.py');
  const child = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${JSON.stringify(motion)}\n`);
  const ended = once(child, 'close').catch(() => undefined);
  const told = await text(child.stdout);
  await ended;
  return told === '' ? undefined : (JSON.parse(told) as Course & { version: string; pace: number });
}

/** The motion as Nalu's engine simulates it. */
async function here({ scene, substeps, start, controls }: Motion): Promise<Course> {
  const engine = await mujoco();
  const model = await loadScene(engine, scene);
  const data = new engine.MjData(model);
  (data.qpos as Float64Array).set(start);
  const course: Course = { positions: [], contacts: [] };
  for (const control of controls) {
    (data.ctrl as Float64Array).set(control);
    for (let step = 0; step < substeps; step++) engine.mj_step(model, data);
    course.positions.push(Array.from(data.qpos as Float64Array));
    course.contacts.push(data.ncon);
  }
  data.delete();
  model.delete();
  return course;
}

/** The expert's motion at a task's first seed. */
async function expertMotion(task: SimTaskName, scene: string): Promise<Motion> {
  const sim = await simulatedAloha({ task, scene, cameras: [] });
  const start = Array.from(sim.qpos());
  const controls = expertTrajectory(sim).map((row) => Array.from(controlsFromPositions(row)));
  await sim.close();
  return { scene, substeps: SUBSTEPS, start, controls };
}

/** Positions or controls of the arms with both grippers open. */
const opened = (values: readonly number[]) =>
  values.map((value, at) => (at < JOINTS && at % 8 >= 6 ? Math.sign(value) * OPEN : value));

/** The same motion for 2 s with open grippers and the objects beside the table, where they fall: nothing touches. */
function withoutContact({ start, controls, ...rest }: Motion): Motion {
  const moved = opened(start).map((value, at) =>
    at >= JOINTS && (at - JOINTS) % POSE === 0 ? value + BESIDE : value,
  );
  return { ...rest, start: moved, controls: controls.slice(0, FREE_STEPS).map(opened) };
}

const farthest = (some: number[][], others: number[][]) =>
  Math.max(...some.flatMap((row, step) => row.map((x, i) => Math.abs(x - others[step][i]))));

/** How far a motion's course here is from native MuJoCo's. */
async function agreement(task: SimTaskName, scene: string): Promise<Row[]> {
  const whole = await expertMotion(task, scene);
  const free = withoutContact(whole);
  const [theirsFree, theirs] = [await inPython(free), await inPython(whole)];
  if (!theirsFree || !theirs) {
    console.log('  no python3 with the package mujoco: nothing is compared with native MuJoCo');
    return [];
  }
  const [oursFree, ours] = [await here(free), await here(whole)];
  const name = `${task}: farthest from native MuJoCo ${theirs.version}`;
  const touching = Math.max(...oursFree.contacts, ...theirsFree.contacts);
  const apart = (step: number) => farthest(ours.positions.slice(0, step), theirs.positions);
  return [
    {
      name: `${name}, 2 s, ${touching} contacts`,
      value: farthest(oursFree.positions, theirsFree.positions),
      unit: 'm, rad',
      target: 1e-9,
      better: 'less',
    },
    { name: `${name}, 2 s in contact`, value: apart(FREE_STEPS), unit: 'm, rad' },
    { name: `${name}, the whole attempt`, value: apart(whole.controls.length), unit: 'm, rad' },
    { name: `${task}: native MuJoCo`, value: theirs.pace, unit: '× real time' },
  ];
}

/** gym-aloha's published scenes: pace, pictures, and agreement with native MuJoCo. */
export async function benchScenes(): Promise<Row[]> {
  const checkout = process.env.NALU_GYM_ALOHA;
  if (checkout === undefined) {
    console.log('  NALU_GYM_ALOHA names no checkout of gym-aloha: its scenes are not measured');
    return [];
  }
  const rows: Row[] = [];
  for (const task of Object.keys(FILES) as SimTaskName[]) {
    const scene = join(checkout, 'gym_aloha/assets', FILES[task]);
    rows.push({
      ...(await paceOf(task, scene)),
      target: task === 'transfer-cube' ? 25 : undefined,
    });
    if (task === 'transfer-cube') {
      const sim = await simulatedAloha({ task, scene });
      rows.push(...(await pictureRows(sim, FRAMES)));
      await sim.close();
    }
    rows.push(...(await agreement(task, scene)));
  }
  return rows;
}
