import { nodeMain } from '../nodeMain.ts';
import { startSimNode } from './simNode.ts';

await nodeMain('aloha_sim', startSimNode);
