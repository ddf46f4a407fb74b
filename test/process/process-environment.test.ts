import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';

/** What `environment()` returns in a process that starts in `folder` with `env`. */
const environmentIn = async (folder: string, env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> => {
  const source = `
    import { environment } from ${JSON.stringify(import.meta.resolve('../../process/config.ts'))};
    console.log(JSON.stringify(environment()));`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', source],
    { cwd: folder, env },
  );
  return JSON.parse(stdout);
};

t.test('environment(): the process wins over .env', async (t) => {
  const folder = t.testdir({
    '.env': '# a comment\nPORT=1\nDB_NAME="a b"\nADMIN_PASSWORD=\nLOG_LEVEL=warn # why\n',
    empty: {},
  });
  const env = await environmentIn(folder, { PORT: '2', HOST: '::' });
  t.match(env, { PORT: '2', HOST: '::', DB_NAME: 'a b', ADMIN_PASSWORD: '', LOG_LEVEL: 'warn' });
  const without = await environmentIn(`${folder}/empty`, { PORT: '2' });
  t.equal(without.PORT, '2');
  t.notOk('DB_NAME' in without, 'no .env, no error');
});
