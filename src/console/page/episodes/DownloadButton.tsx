import { ask } from '../live/connection.ts';
import { Button } from '../parts/Button.tsx';
import { reportRefusal } from '../parts/notices.ts';

/** Has the browser fetch an episode's file; it is kept under its own name. */
async function download(id: string): Promise<void> {
  const { value } = await ask('download', { id });
  const link = document.createElement('a');
  link.href = value.address;
  // A page that only follows a link would be lost where the file is gone.
  link.download = '';
  link.click();
}

export const DownloadButton = ({ id }: { id: string }) => (
  <Button class="small" icon="download" onPress={() => void reportRefusal(download(id))}>
    Download
  </Button>
);
