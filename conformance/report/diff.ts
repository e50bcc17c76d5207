/** Two reports side by side: what fails now and did not, what was mended, what is new and what is gone. */
import type { Outcome, Report } from '../../spec/report.ts';
import { isNewFailure, reportedResults, type Reported } from './model.ts';

export const DIFF_SCHEMA = 'isomer-conformance-diff/1';

export type Change = {
  readonly id: string;
  readonly before: Outcome | null;
  readonly after: Outcome | null;
  readonly requirements: readonly string[];
  readonly messages: readonly string[];
  /** Whether the suite of the other report had this check at all: if not, it says nothing about the product. */
  readonly checkIsNew: boolean;
};

export type ReportDiff = {
  readonly schema: typeof DIFF_SCHEMA;
  /** Why the two cannot be compared without a second thought; empty when they can. */
  readonly caveats: readonly string[];
  /** Fails unexpectedly now, and did not before. */
  readonly failing: readonly Change[];
  /** Failed before, and holds now. */
  readonly mended: readonly Change[];
  /** Another outcome that is neither. */
  readonly changed: readonly Change[];
  readonly added: readonly Change[];
  readonly gone: readonly Change[];
  readonly unchanged: number;
};

const HOLDS: ReadonlySet<Outcome> = new Set(['pass', 'warn', 'inapplicable']);

export function diffReports(before: Report, after: Report): ReportDiff {
  const [was, is] = [reportedResults(before), reportedResults(after)];
  const old = new Map(was.map((result) => [result.id, result]));
  const now = new Set(is.map(({ id }) => id));
  const oldChecks = new Set(was.map(({ check }) => check));
  const lists = { failing: [] as Change[], mended: [] as Change[], changed: [] as Change[], added: [] as Change[] };
  let unchanged = 0;
  for (const result of is) {
    const earlier = old.get(result.id) ?? null;
    const into = classOf(earlier, result);
    if (into === null) unchanged++;
    else lists[into].push({ id: result.id, before: earlier?.outcome ?? null, after: result.outcome, requirements: result.requirements, messages: result.messages, checkIsNew: !oldChecks.has(result.check) });
  }
  const gone = was.filter(({ id }) => !now.has(id)).map(({ id, outcome, requirements, messages }) => ({ id, before: outcome, after: null, requirements, messages, checkIsNew: false }));
  return { schema: DIFF_SCHEMA, caveats: caveatsOf(before, after), ...lists, gone, unchanged };
}

/** A known failure that nobody expects any more is a new failure, too. */
function classOf(was: Reported | null, now: Reported): 'failing' | 'mended' | 'changed' | 'added' | null {
  if (isNewFailure(now) && (was === null || !isNewFailure(was))) return 'failing';
  if (was === null) return 'added';
  if (was.outcome === now.outcome) return null;
  return was.outcome === 'fail' && HOLDS.has(now.outcome) ? 'mended' : 'changed';
}

function caveatsOf(before: Report, after: Report): readonly string[] {
  const judges = [...new Set([...Object.keys(before.judges), ...Object.keys(after.judges)])].filter((name) => before.judges[name] !== after.judges[name]);
  return [
    ...(before.suite.registryHash === after.suite.registryHash ? [] : ['the checks or requirements of the suite differ']),
    ...(before.target.profile === after.target.profile ? [] : [`the profiles differ: ${before.target.profile}, ${after.target.profile}`]),
    ...(judges.length === 0 ? [] : [`not the same judges were there: ${judges.join(', ')}`]),
    ...clientCaveats(before, after),
  ];
}

/** Another version of a client is another client: what changed may be its doing. */
function clientCaveats({ replay: before }: Report, { replay: after }: Report): readonly string[] {
  if (before === undefined || after === undefined) return before === after ? [] : ['only one of the two has replays'];
  const versions = ({ players, browsers }: typeof before): Readonly<Record<string, string>> => ({ ...players, ...Object.fromEntries(Object.entries(browsers).map(([name, { version }]) => [name, version])) });
  const [was, is] = [versions(before), versions(after)];
  const other = Object.keys(is).filter((name) => Object.hasOwn(was, name) && was[name] !== is[name]);
  return other.length === 0 ? [] : [`clients differ: ${other.map((name) => `${name} ${was[name]} → ${is[name]}`).join(', ')}`];
}

const SECTIONS: readonly { readonly key: 'failing' | 'mended' | 'changed' | 'added' | 'gone'; readonly title: string; readonly shown: number }[] = [
  { key: 'failing', title: 'Newly failing', shown: 200 },
  { key: 'mended', title: 'Mended', shown: 200 },
  { key: 'changed', title: 'Changed otherwise', shown: 100 },
  { key: 'added', title: 'New', shown: 20 },
  { key: 'gone', title: 'Gone', shown: 20 },
];

function outcomes({ before, after }: Change): string {
  return before === null ? `${after}` : after === null ? `was ${before}` : before === after ? `${before}, no longer expected` : `${before} → ${after}`;
}

export function diffText(diff: ReportDiff): string {
  const lines = SECTIONS.flatMap(({ key, title, shown }) => {
    const list = diff[key];
    if (list.length === 0) return [];
    const rows = list.slice(0, shown).map((change) => `  ${change.id}: ${outcomes(change)}${change.checkIsNew ? ' (a new check)' : ''}${change.messages.length === 0 ? '' : `; ${change.messages.join('; ')}`}`);
    return [`${title}: ${list.length}`, ...rows, ...(list.length > shown ? [`  and ${list.length - shown} more`] : [])];
  });
  return `${[...diff.caveats.map((caveat) => `note: ${caveat}`), ...lines, `Unchanged: ${diff.unchanged}`].join('\n')}\n`;
}

export function diffMarkdown(diff: ReportDiff): string {
  const counts = SECTIONS.map(({ key, title }) => `${diff[key].length} ${title.toLowerCase()}`);
  const lines = SECTIONS.flatMap(({ key, title, shown }) => {
    const list = diff[key];
    if (list.length === 0) return [];
    const rows = list.slice(0, shown).map((change) => `| \`${change.id}\`${change.checkIsNew ? ' (new check)' : ''} | ${change.requirements.join(', ')} | ${outcomes(change)} | ${change.messages.join('; ').replaceAll('|', '\\|')} |`);
    return ['', `## ${title}`, '', '| result | requirements | outcome | message |', '|---|---|---|---|', ...rows, ...(list.length > shown ? ['', `and ${list.length - shown} more`] : [])];
  });
  return `${['# Conformance: what changed', '', `${counts.join(', ')}, ${diff.unchanged} unchanged.`, ...diff.caveats.map((caveat) => `\n> ${caveat}`), ...lines].join('\n')}\n`;
}
