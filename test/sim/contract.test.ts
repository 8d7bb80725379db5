import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { robotContract } from '../robot/robotContract.ts';

robotContract(
  'the simulated ALOHA',
  async () => {
    const sim = await simulatedAloha({ task: 'transfer-cube', cameras: ['cam_high', 'cam_low'] });
    await sim.reset(0);
    return sim;
  },
  false,
);
