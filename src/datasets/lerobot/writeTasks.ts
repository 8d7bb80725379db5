import { join } from 'node:path';
import { createParquet, int64 } from '../parquet.ts';
import { V3_FILES } from './layout.ts';

/** The index of tasks as pandas keeps it, by which lerobot finds a task's text. */
const PANDAS_TASKS = JSON.stringify({
  index_columns: ['task'],
  column_indexes: [
    {
      name: null,
      field_name: null,
      pandas_type: 'unicode',
      numpy_type: 'object',
      metadata: { encoding: 'UTF-8' },
    },
  ],
  columns: [
    {
      name: 'task_index',
      field_name: 'task_index',
      pandas_type: 'int64',
      numpy_type: 'int64',
      metadata: null,
    },
    {
      name: 'task',
      field_name: 'task',
      pandas_type: 'unicode',
      numpy_type: 'object',
      metadata: null,
    },
  ],
  attributes: {},
  creator: { library: 'nalu', version: '0' },
  pandas_version: '2.0.0',
});

/** Writes the table of a data set's tasks. */
export async function writeTasks(folder: string, tasks: readonly string[]): Promise<void> {
  const file = createParquet(
    join(folder, V3_FILES.tasks),
    [int64('task_index'), { name: 'task', type: 'string' }],
    { pandas: PANDAS_TASKS },
  );
  await file.write({ task_index: tasks.map((_, i) => BigInt(i)), task: [...tasks] });
  await file.end();
}
