#!/usr/bin/env node
/** The command `isomer`. Clock, environment, signals and streams come in here and nowhere else. */
import { Command } from 'commander';
import type { CliDeps } from './cli/deps.ts';
import { encode, type EncodeArgs } from './cli/encode.ts';
import { exportAsset } from './cli/export.ts';
import { inspect } from './cli/inspect.ts';
import { newContentKey, newMasterKey, sealContentKeys, type SealArgs } from './cli/keys.ts';
import { serve } from './cli/serve.ts';
import { urls } from './cli/urls.ts';
import { environmentName, flagName, loadConfig, SETTINGS } from './config.ts';
import { PRESET_NAMES } from './encode/presets.ts';
import { IsomerError } from './errors.ts';
import { stopSignal } from './origin/server.ts';

const deps: CliDeps = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  environment: process.env,
  now: () => Date.now(),
  stopped: () => stopSignal(process),
  interactive: process.stderr.isTTY,
};

// A reader that has seen enough, as in `isomer inspect film.mp4 | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const program = new Command('isomer')
  .description('Dynamic packaging: MP4 files in storage, delivered as HLS, DASH and Smooth Streaming at the moment of the request.')
  .showSuggestionAfterError()
  .showHelpAfterError('(isomer COMMAND --help shows what a command takes)')
  .exitOverride();

const serving = program
  .command('serve')
  .description('Serve the folders below a root; each is published under its own name.')
  .option('--config <file>', 'JSON file with settings')
  .option('--print-config', 'print the settings that result, and stop');
for (const [key, { about, fallback }] of Object.entries(SETTINGS)) {
  const isFlag = typeof fallback === 'boolean';
  serving.option(isFlag ? `${flagName(key)} [boolean]` : `${flagName(key)} <value>`, `${about} (${environmentName(key)}; default ${JSON.stringify(fallback)})`);
}
serving.addHelpText('after', '\nExample:\n  isomer serve --root ./assets --port 8080\n  then open http://127.0.0.1:8080/');
serving.action(async ({ config: file, printConfig, ...flags }: { config?: string; printConfig?: boolean; [key: string]: unknown }) => {
  const given = Object.fromEntries(Object.entries(flags).map(([key, value]) => [key, value === true ? 'true' : value]));
  const config = await loadConfig({ flags: given, environment: process.env, file: file ?? process.env['ISOMER_CONFIG'] ?? null });
  if (printConfig === true) deps.out(`${JSON.stringify(config, null, 2)}\n`);
  else process.exitCode = await serve(config, deps);
});

program
  .command('urls')
  .description('List assets with their tracks and the six URLs of each.')
  .argument('[asset]', 'folder of one asset, relative to the root')
  .option('--root <folder>', 'folder with the assets', '.')
  .option('--base <url>', 'what stands before the paths', 'http://127.0.0.1:8080')
  .option('--segment-seconds <seconds>', 'wanted length of segments', Number, 6)
  .addHelpText('after', '\nExample:\n  isomer urls --root ./assets my-film')
  .action(async (asset: string | undefined, options: { root: string; base: string; segmentSeconds: number }) => {
    process.exitCode = await urls({ ...options, asset: asset ?? null }, deps);
  });

program
  .command('inspect')
  .description('Dump the boxes of an MP4 file or segment, a playlist, a manifest, or the tracks of a server manifest.')
  .argument('<file-or-url>')
  .option('--segment-seconds <seconds>', 'wanted length of segments', Number, 6)
  .addHelpText('after', '\nExamples:\n  isomer inspect film.mp4\n  isomer inspect "http://127.0.0.1:8080/film/film.ism/manifest(format=mpd-time-cmaf)"')
  .action(async (target: string, options: { segmentSeconds: number }) => {
    process.exitCode = await inspect({ target, ...options }, deps);
  });

program
  .command('export')
  .description('Write what the origin would serve of one asset in one format to a folder.')
  .argument('<asset>', 'folder of the asset, relative to the root')
  .argument('<format>', 'hls-v3, hls-v4, hls-cmaf, dash-csf, dash-cmaf, smooth, or a value of format=')
  .argument('<folder>', 'where to write')
  .option('--root <folder>', 'folder with the assets', '.')
  .option('--segment-seconds <seconds>', 'wanted length of segments', Number, 6)
  .addHelpText('after', '\nExample:\n  isomer export --root ./assets my-film dash-cmaf ./static')
  .action(async (asset: string, format: string, folder: string, options: { root: string; segmentSeconds: number }) => {
    process.exitCode = await exportAsset({ asset, format, folder, ...options }, deps);
  });

program
  .command('encode')
  .description('Encode a mezzanine file into an asset: aligned qualities, audio with its languages, a server manifest.')
  .argument('<input>', 'file or http(s) URL that ffmpeg can read')
  .argument('<folder>', 'folder of the new asset')
  .option('--preset <name>', `${PRESET_NAMES.join(', ')}, or a .json file with a StandardEncoderPreset`, 'AdaptiveStreaming')
  .option('--force', 'encode again what is finished', false)
  .addHelpText('after', '\nExample:\n  isomer encode holiday.mov ./assets/holiday')
  .action(async (input: string, folder: string, options: Omit<EncodeArgs, 'input' | 'folder'>) => {
    process.exitCode = await encode({ input, folder, ...options }, deps);
  });

const keys = program.command('keys').description('Content keys at rest: a master key, new content keys, and those of isomer.json sealed.');
keys
  .command('master')
  .description('Make a file with a new master key.')
  .argument('<file>')
  .action(async (file: string) => {
    process.exitCode = await newMasterKey({ file }, deps);
  });
keys
  .command('new')
  .description('Print a new content key as an entry for contentKeys of a locator in isomer.json.')
  .option('--label <name>', 'label of the key in the streaming policy')
  .option('--master-key <file>', 'seal it; else it is printed as it is')
  .addHelpText('after', '\nExample:\n  isomer keys new --label cencKeyDefault --master-key master.key')
  .action(async ({ label, masterKey }: { label?: string; masterKey?: string }) => {
    process.exitCode = await newContentKey({ label: label ?? null, masterKey: masterKey ?? null }, deps);
  });
keys
  .command('encrypt')
  .description('Seal the content keys of isomer.json that are stored as they are.')
  .option('--root <folder>', 'folder with isomer.json', '.')
  .requiredOption('--master-key <file>', 'file with the master key')
  .action(async (options: SealArgs) => {
    process.exitCode = await sealContentKeys(options, deps);
  });

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof IsomerError) {
    deps.err(`isomer: ${error.message} (${error.code})\n`);
    return error.kind === 'bad-request' ? 2 : 1;
  }
  const { code, message, exitCode } = error as { code?: string; message?: string; exitCode?: number };
  // Commander has written its own message.
  if (code?.startsWith('commander.') === true) return exitCode === 0 ? 0 : 2;
  if (code === 'EADDRINUSE') deps.err('isomer: the port is in use; choose another with --port, or 0 for a free one\n');
  else if (code === 'ENOENT') deps.err('isomer: there is no such folder; --root names the folder with the assets\n');
  else deps.err(`isomer: ${message ?? String(error)}\n`);
  return 1;
}
