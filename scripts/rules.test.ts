/** Rules of the house that a look at the text can check. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readFiles, ROOT, type TextFile } from './files.ts';

const code = readFiles(['src', 'spec', 'conformance', 'corpus', 'scripts'], (path) => /\.(?:ts|mjs|js)$/.test(path));
const documents = readFiles(['.', 'src', 'spec', 'conformance', 'corpus', 'reports'], (path) => path.endsWith('.md'));
const SELF = 'scripts/rules.test.ts';

/** Targets of links into the repository that do not exist. */
function brokenLinks({ path, text }: TextFile): readonly string[] {
  const links = [...text.replaceAll(/^```[^]*?^```/gm, '').matchAll(/\]\((?!https?:|mailto:|#)([^)\s#]+)[^)]*\)/g)].map(([, target]) => target);
  return links.filter((target) => !existsSync(join(ROOT, dirname(path), target)));
}

type Rule = { readonly title: string; readonly files: readonly TextFile[]; readonly breaks: (file: TextFile) => boolean };

const without = (pattern: RegExp) => ({ path, text }: TextFile): boolean => path !== SELF && pattern.test(text);
const inSource = code.filter(({ path }) => path.startsWith('src/') && !/\.test\.ts$|testing\.ts$|\/testing\//.test(path));

const RULES: readonly Rule[] = [
  { title: 'no file is longer than 800 lines', files: code, breaks: ({ text }) => text.split('\n').length > 800 },
  { title: 'nothing is left for later or silenced', files: code, breaks: without(/\b(?:TODO|FIXME|XXX)\b|@ts-ignore|@ts-expect-error|(?:ox|es)lint-disable/) },
  { title: 'no test is switched off or alone', files: code, breaks: without(/\b(?:test|it|describe)\.(?:only|skip|todo)\(/) },
  // Clock and chance come in through cli.ts; page modules run in a browser.
  { title: 'the packager asks for no time and no chance', files: inSource.filter(({ path }) => path !== 'src/cli.ts' && !path.startsWith('src/page/client/')), breaks: without(/\bDate\.now\(|\bMath\.random\(|\bnew Date\(\)/) },
  { title: 'no path of one machine', files: [...code, ...documents], breaks: without(/[\s'"`(]\/(?:home|Users|work|root)\/[a-z]/) },
  { title: 'documents speak of the project alone', files: documents, breaks: without(/\bregistry\.npmjs|\bdeb\.debian\.org/) },
  { title: 'links lead somewhere', files: documents, breaks: (file) => brokenLinks(file).length > 0 },
];

describe('rules of the house', () => {
  test.each(RULES)('$title', ({ files, breaks }) => {
    expect(files.length).toBeGreaterThan(3);
    expect(files.filter(breaks).map(({ path }) => path)).toEqual([]);
  });

  test('each rule finds what breaks it', () => {
    const broken = ['x\n'.repeat(900), '// TODO', 'test.only(', 'Date.now()', ' /home/me/x', 'registry.npmjs', '[a](no/such.file)'];
    RULES.forEach(({ breaks }, i) => expect(breaks({ path: 'x.ts', text: broken[i] })).toBe(true));
  });
});
