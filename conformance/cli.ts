#!/usr/bin/env node
/** isomer-conformance: the commands, and what their ends mean. */
import { Command, CommanderError } from 'commander';
import { explain, list } from './cli/explain.ts';
import { deviceName, positive, withJudge, withReplay, withSubject, withTier, type JudgeOptions, type SubjectOptions } from './cli/options.ts';
import { endWhenInterrupted, note, tolerateClosedPipe } from './cli/output.ts';
import { diff, rewriteBaseline, rewriteReport, type BaselineOptions, type ReportOptions } from './cli/reports.ts';
import { replayOnDevice, type DeviceCommandOptions } from './cli/device.ts';
import { replaySubject, type ReplayCommandOptions } from './cli/replay.ts';
import { captureTo, DEFAULT_ENTRY, judgeTrace, runSubject } from './cli/run.ts';
import { EXIT_CODES, messageOf, SuiteFault } from './fault.ts';

const ENDS = `
Exit codes:
  0  all as expected
  1  an unexpected failure, or less coverage than asked for
  2  bad usage or configuration
  3  the target cannot be reached, or is not what was announced
  4  a fault of the suite itself; never reads as a pass
  5  expectations are stale, and nothing worse`;

const RUN_EXAMPLES = `
Examples:
  isomer-conformance run --root ./assets --out ./result
  isomer-conformance run --origin http://127.0.0.1:8080/movie/movie.ism --formats dash-csf dash-cmaf --out ./result
  isomer-conformance run --trace ./result/trace --truth ./assets --out ./again --min-coverage 60
${ENDS}`;

const REPLAY_EXAMPLES = `
Examples:
  isomer-conformance replay --root ./assets --out ./result
  isomer-conformance replay --root ./assets --players hls.js shaka --browsers chromium --templates sequential
  isomer-conformance replay --origin http://127.0.0.1:8080/movie/movie.ism --truth ./assets --player ./my-adapter.mjs
${ENDS}`;

const DIFF_EXAMPLES = `
A and B are folders of runs, or report.json files. Ends with 1 when something fails in B that did not in A.

Examples:
  isomer-conformance diff ./before ./after
  isomer-conformance diff ./before ./after --markdown >> "$GITHUB_STEP_SUMMARY"`;

const BASELINE_EXAMPLES = `
What fails gets an entry, what no longer fails loses it, and a pattern that is right about some of its results only is
taken apart. New entries have "?" where a person has to say why; a file with such an entry is refused by run and judge.

Example:
  isomer-conformance baseline update ./result --expectations ./known.json --owner packaging`;

function program(): Command {
  const root = new Command('isomer-conformance').description('Judges streaming origins: captures what they serve, then checks it offline.').exitOverride().showHelpAfterError().addHelpText('after', ENDS);
  withJudge(withSubject(root.command('run').description('capture a subject and judge it; with --trace, judge only'), DEFAULT_ENTRY))
    .option('--trace <dir>', 'a trace that was captured before')
    .addHelpText('after', RUN_EXAMPLES)
    .action(async (options: SubjectOptions & JudgeOptions & { trace?: string }) => {
      process.exitCode = await runSubject(options);
    });
  withSubject(root.command('capture').description('fetch manifests, playlists and segments of a subject into a trace'), DEFAULT_ENTRY).action(async (options: SubjectOptions) => {
    await captureTo(options.out, options);
  });
  withJudge(root.command('judge').description('judge a trace offline').argument('<trace>', 'folder with trace.json'))
    .addHelpText('after', ENDS)
    .action(async (folder: string, options: JudgeOptions) => {
      process.exitCode = await judgeTrace(folder, 'trace', options);
    });
  withTier(withReplay(withSubject(root.command('replay').description('play a subject with real players in real browsers, and judge the pictures and sounds'), DEFAULT_ENTRY)), 'ci: every player in every output once, the rest sampled; full: everything')
    .option('--truth <dir>', 'folder with one folder per asset, each with truth.json; default: --root')
    .option('--expectations <file...>', 'known failures (replay/TEMPLATE); the last entry that matches wins')
    .addHelpText('after', REPLAY_EXAMPLES)
    .action(async (options: ReplayCommandOptions) => {
      process.exitCode = await replaySubject(options);
    });
  withTier(withReplay(withSubject(root.command('device').description('let any browser come by itself: prints an address and a code, and judges what the device posts'), DEFAULT_ENTRY)), 'as for replay')
    .requiredOption('--truth <dir>', 'folder with one folder per asset, each with truth.json')
    .option('--host <address>', 'where to listen; the device has to reach it', '127.0.0.1')
    .option('--port <n>', 'likewise', positive, 8099)
    .option('--name <name>', 'what the device is called in the report: letters, digits, . - _', deviceName, 'device')
    .option('--patience <minutes>', 'a device that is not heard of for so long has gone', positive, 10)
    .action(async (options: DeviceCommandOptions) => {
      process.exitCode = await replayOnDevice(options);
    });
  root
    .command('report')
    .description('write what derives from report.json, run.json and the trace again')
    .argument('<dir>', 'folder with report.json and run.json')
    .option('--trace <dir>', 'the trace, where it is not where the run left it')
    .option('--truth <dir>', 'the truth files, likewise')
    .option('--keys <file>', 'content keys, where what was served is enciphered; default: what subjects.json beside the truth files names')
    .option('--merge <dir...>', 'take in the replays of these runs (of devices, of other machines) and their results of other assets; report.json and run.json are written, too')
    .option('--out <dir>', 'where to write; default: the same folder')
    .action((folder: string, options: ReportOptions) => rewriteReport(folder, options));
  root
    .command('diff')
    .description('compare two reports')
    .argument('<A>', 'before')
    .argument('<B>', 'after')
    .option('--json', 'as JSON')
    .option('--markdown', 'as Markdown, for a comment or a step summary')
    .addHelpText('after', DIFF_EXAMPLES)
    .action((before: string, after: string, options: { json?: boolean; markdown?: boolean }) => {
      process.exitCode = diff(before, after, options);
    });
  root
    .command('baseline')
    .description('keep a file of known failures')
    .command('update')
    .description('bring expectations in line with a report')
    .argument('<report>', 'folder of a run, or a report.json')
    .requiredOption('--expectations <file>', 'the file to renew or to begin')
    .option('--reason <text>', 'reason of new entries')
    .option('--bug <url>', 'where they are tracked')
    .option('--owner <name>', 'who looks after them')
    .option('--dry-run', 'say what would change')
    .addHelpText('after', BASELINE_EXAMPLES)
    .action((path: string, options: BaselineOptions) => rewriteBaseline(path, options));
  root.command('list').description('list checks, or requirements').option('--requirements', 'list requirements instead').action(list);
  root
    .command('explain')
    .description('say what a check or a requirement is about')
    .argument('<id>', 'of a check, a requirement, or a result as a run prints it')
    .argument('[subject]', 'of a result; changes nothing')
    .action((id: string) => explain(id));
  return root;
}

if (import.meta.main) {
  tolerateClosedPipe();
  endWhenInterrupted();
  try {
    await program().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    else if (error instanceof SuiteFault) {
      note(error.message);
      process.exitCode = EXIT_CODES[error.kind];
    } else {
      note(error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error));
      process.exitCode = EXIT_CODES.harness;
    }
  }
}
