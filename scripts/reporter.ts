/**
 * A vitest reporter that ends a run with one bare line, `N passed, N failed[, N skipped]`, after the reasons of what was
 * skipped. `scripts/test.ts` collects the counts in a file instead, because it adds its own steps to them.
 */
import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';
import { countLine, COUNTS_FILE, type Counts } from './counts.ts';

export class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const counts = countModules(modules, unhandled.length);
    for (const line of skipLines(modules)) console.log(line);
    const file = process.env[COUNTS_FILE];
    if (file === undefined || file === '') console.log(`\n${countLine(counts)}`);
    else writeFileSync(file, JSON.stringify(counts));
  }
}

/** A file that fails without a failed test (it did not load, or a hook of its threw) counts as one failure. */
export function countModules(modules: readonly TestModule[], unhandled: number): Counts {
  let passed = 0;
  let failed = unhandled;
  let skipped = 0;
  for (const module of modules) {
    let failedHere = 0;
    for (const test of module.children.allTests()) {
      const state = test.result().state;
      if (state === 'passed') passed++;
      else if (state === 'skipped') skipped++;
      else failedHere++;
    }
    if (failedHere === 0 && module.state() === 'failed') failedHere = 1;
    failed += failedHere;
  }
  return { passed, failed, skipped };
}

/** One line for each reason, with how many tests it kept from running and the first of them. */
export function skipLines(modules: readonly TestModule[]): readonly string[] {
  const byReason = new Map<string, TestCase[]>();
  for (const module of modules) {
    for (const test of module.children.allTests('skipped')) {
      const result = test.result();
      const reason = (result.state === 'skipped' ? result.note : undefined) ?? 'no reason given';
      byReason.set(reason, [...(byReason.get(reason) ?? []), test]);
    }
  }
  return [...byReason].map(([reason, tests]) => {
    const first = tests[0];
    const others = tests.length === 1 ? '' : ` and ${tests.length - 1} more`;
    return `skipped: ${first?.module.relativeModuleId ?? ''} > ${first?.fullName ?? ''}${others}: ${reason}`;
  });
}
