/** `npm start`: makes the demo assets, serves them and says where the page is. Arguments go on to `isomer serve`. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const DEMO = ['h264-multiaudio', 'h264-aac-mbr3', 'fps25'];

const made = spawnSync(process.execPath, [join(ROOT, 'corpus/make.ts'), ...DEMO], { stdio: 'inherit' });
if (made.status !== 0) process.exit(made.status ?? 1);

const server = spawn(process.execPath, [join(ROOT, 'src/cli.ts'), 'serve', '--root', join(ROOT, 'corpus/.assets'), '--demo', ...process.argv.slice(2)], { stdio: ['inherit', 'pipe', 'inherit'] });
let told = false;
server.stdout.setEncoding('utf8').on('data', (text: string) => {
  process.stdout.write(text);
  const address = /listening on (http:\S+)/.exec(text)?.[1];
  if (address === undefined || told) return;
  told = true;
  process.stdout.write(`\nOpen ${address}/ in a browser: every asset in every output, with players. Ctrl-C stops.\n\n`);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill(signal));
server.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 0)));
