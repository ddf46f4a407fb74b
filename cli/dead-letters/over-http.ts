/** Dead letters, as the API shows them. */
import type { Api } from '../api.ts';
import { queryOf } from '../pages.ts';
import type { DeadLetter, Letters } from './letters.ts';

const PAGE = 1_000;
const PATH = '/admin/dead-letters';

interface Page {
  total_dead_letters: number;
  dead_letters: DeadLetter[];
  next_offset: number | null;
}

export const lettersOfApi = (api: Api): Letters => {
  const call = async (what: 'replay' | 'discard', jobIds?: string[]) => {
    const body = JSON.stringify({ job_ids: jobIds });
    return api.get<{ replayed: number; discarded: number }>(`${PATH}/${what}`, {
      method: 'POST',
      body,
      admin: true,
      withinMs: 0,
    });
  };
  return {
    each: async ({ offset, limit }, show) => {
      let at: number | null = offset;
      let left = limit;
      let total = 0;
      while (at !== null && left > 0) {
        const query = queryOf({ offset: at, limit: Math.min(left, PAGE) });
        const page: Page = await api.get<Page>(`${PATH}${query}`, { admin: true, withinMs: 0 });
        await show(page.dead_letters);
        total = page.total_dead_letters;
        left -= page.dead_letters.length;
        at = page.next_offset;
      }
      return total;
    },
    replay: async (jobIds) => (await call('replay', jobIds)).replayed,
    discard: async (jobIds) => (await call('discard', jobIds)).discarded,
    close: async () => {},
  };
};
