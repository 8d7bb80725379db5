import { nodeMain } from '../nodeMain.ts';
import { startReplayNode } from './replayNode.ts';

await nodeMain('replay', startReplayNode);
