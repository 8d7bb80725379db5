import type { MjModel } from './mujoco.ts';

/** Groups that MuJoCo shows unless it is told otherwise; by custom the others are for collisions. */
const SHOWN_GROUPS = [0, 1, 2];

const GROUPS = 6;

/** What the cameras see of a model's shapes. */
export interface Appearance {
  /** [shapes] */
  visible: boolean[];
  /** RGB (0 to 1) [shapes, 3]. */
  colours: Float32Array;
}

/** The colour of a shape that says nothing of its own. */
const UNSAID = [0.5, 0.5, 0.5, 1];

/**
 * How MuJoCo's renderer shows a model's shapes: in their own colour, or where they say none in their
 * material's, and only where that is not wholly transparent and their group is among the shown ones.
 */
export function appearanceOf(
  model: MjModel,
  shownGroups: readonly number[] = SHOWN_GROUPS,
): Appearance {
  const materials = model.geom_matid as Int32Array;
  const own = model.geom_rgba as Float32Array;
  const ofMaterials = model.mat_rgba as Float32Array;
  const groups = model.geom_group as Int32Array;
  const visible: boolean[] = [];
  const colours = new Float32Array(3 * model.ngeom);
  for (let shape = 0; shape < model.ngeom; shape++) {
    const material = materials[shape];
    const said = own.subarray(4 * shape, 4 * shape + 4);
    const unsaid = material >= 0 && said.every((channel, index) => channel === UNSAID[index]);
    const rgba = unsaid ? ofMaterials.subarray(4 * material, 4 * material + 4) : said;
    colours.set(rgba.subarray(0, 3), 3 * shape);
    const group = Math.min(Math.max(groups[shape], 0), GROUPS - 1);
    visible.push(rgba[3] !== 0 && shownGroups.includes(group));
  }
  return { visible, colours };
}
