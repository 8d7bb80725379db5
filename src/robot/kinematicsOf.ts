import type { ArmLine } from './armLine.ts';
import { chainLine } from './chainLine.ts';
import type { PlacedArm } from './embodiment.ts';
import { VIPERX_300 } from './viperx300.ts';

/** The forward kinematics of an arm: by its chain, or in closed form for a ViperX 300. */
export const kinematicsOf = ({ chain }: Pick<PlacedArm, 'chain'>): ArmLine =>
  chain ? chainLine(chain) : VIPERX_300;
