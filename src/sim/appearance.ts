import type { MjModel } from './mujoco.ts';

/** Groups that MuJoCo draws by default; by convention the others hold collision shapes. */
const SHOWN_GROUPS = [0, 1, 2];

const GROUPS = 6;

/** Visibility and colour of a model's shapes. */
export interface Appearance {
  /** [shapes] */
  visible: boolean[];
  /** RGB (0 to 1) [shapes, 3]. */
  colours: Float32Array;
}

/** MuJoCo's default colour of a shape without one of its own. */
const DEFAULT_COLOUR = [0.5, 0.5, 0.5, 1];

/**
 * Visibility and colour as in MuJoCo's renderer. A shape has its own colour, or its material's if it has none. It is
 * visible if that colour is not fully transparent and the shape's group is drawn.
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
    const ownColour = own.subarray(4 * shape, 4 * shape + 4);
    const isDefault =
      material >= 0 && ownColour.every((channel, index) => channel === DEFAULT_COLOUR[index]);
    const rgba = isDefault ? ofMaterials.subarray(4 * material, 4 * material + 4) : ownColour;
    colours.set(rgba.subarray(0, 3), 3 * shape);
    const group = Math.min(Math.max(groups[shape], 0), GROUPS - 1);
    visible.push(rgba[3] !== 0 && shownGroups.includes(group));
  }
  return { visible, colours };
}
