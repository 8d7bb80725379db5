import { nodeMain } from '../nodeMain.ts';
import { startPolicyNode } from './policyNode.ts';

await nodeMain('nalu', startPolicyNode);
