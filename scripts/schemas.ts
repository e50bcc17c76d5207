/** JSON Schemas of the files that the suite reads and writes, made from the zod schemas that it reads and writes them with. */
import * as z from 'zod';
import { compatSchema } from '../spec/compat.ts';
import { expectationsFileSchema } from '../spec/expectation.ts';
import { reportSchema, runSchema } from '../spec/report.ts';
import { requirementsFileSchema } from '../spec/requirement.ts';

export type SchemaFile = { readonly file: string; readonly text: () => string };

const TITLES: readonly (readonly [name: string, title: string, schema: z.ZodType])[] = [
  ['report', 'report.json of isomer-conformance: the deterministic part of a run', reportSchema],
  ['run', 'run.json of isomer-conformance: what differs between two runs', runSchema],
  ['compat', 'compat.json of isomer-conformance: which player plays what', compatSchema],
  ['requirements', 'a file of spec/requirements', requirementsFileSchema],
  ['expectations', 'known failures of a product under test', expectationsFileSchema],
];

export const SCHEMA_FILES: readonly SchemaFile[] = TITLES.map(([name, title, schema]) => ({
  file: `spec/schema/${name}.schema.json`,
  text: () => `${JSON.stringify({ title, ...z.toJSONSchema(schema) }, null, 2)}\n`,
}));
