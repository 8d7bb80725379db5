/** Readers of published checkpoints: of π0, by lerobot and by openpi. */
export { type ImportOptions } from './pi0/import/planImport.ts';
export { type Imported, importPolicy } from './pi0/import/importPolicy.ts';
export { importReport } from './pi0/import/report.ts';
