/** How ajv checks texts, which is most of what it does here: by what JavaScript knows of a string, before it looks at each of its characters. */
import { _, type CodeKeywordDefinition, type Name } from 'ajv';

/** No text with a lone surrogate matches, as it has no UTF-8 form. */
export const WELL_FORMED = '^\\P{Surrogate}*$';

/** Makes what tests texts against a pattern. @param flags those of RegExp */
const regExp = (pattern: string, flags: string): Pick<RegExp, 'test'> =>
  pattern === WELL_FORMED ? { test: (text) => text.isWellFormed() } : new RegExp(pattern, flags);
/** The option `code.regExp` of ajv. `code` is for validators that are written into files, and ours are not. */
export const regExpEngine = Object.assign(regExp, { code: 'new RegExp' });

/** How many characters a text has; one is one UTF-16 code unit or two. */
const charactersIn = (text: string): number => {
  let count = 0;
  for (const _character of text) count++;
  return count;
};

type Condition = (text: Name, limit: CodeLimit, characters: Name) => ReturnType<typeof _>;
type CodeLimit = Name | number | boolean;
const lengthKeyword = (keyword: string, isWrong: Condition): CodeKeywordDefinition & { keyword: string } => ({
  keyword,
  type: 'string',
  schemaType: 'number',
  code: (cxt) => {
    const characters = cxt.gen.scopeValue('func', { ref: charactersIn });
    cxt.fail(isWrong(cxt.data, cxt.schemaCode, characters));
  },
});

/** They take the place of ajv's own, which count the characters of each text. */
export const lengthKeywords = [
  lengthKeyword(
    'minLength',
    (text, least, characters) => _`${text}.length < 2 * ${least} && ${characters}(${text}) < ${least}`,
  ),
  lengthKeyword(
    'maxLength',
    (text, most, characters) => _`${text}.length > ${most} && ${characters}(${text}) > ${most}`,
  ),
];
