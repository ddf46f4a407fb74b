import { readFileSync } from 'node:fs';
import t from 'tap';
import { codeOfStatus, errorCodes } from '../../../api/http/error-codes.ts';

t.test('the page of codes has each of them, and what it says', async (t) => {
  const page = readFileSync(new URL('../../../docs/ERRORS.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \| [\d, ]+ \| (.+) \|$/gm)].map(([, code, meaning]) => [
    code,
    meaning,
  ]);
  t.strictSame(rows, Object.entries(errorCodes));
});

t.test('every status that nothing more exact is said of has a code', async (t) => {
  t.strictSame([400, 401, 404, 413, 415, 500].map(codeOfStatus), [
    'invalid_input',
    'unauthorized',
    'route_not_found',
    'body_too_large',
    'unsupported_media_type',
    'internal_error',
  ]);
});
