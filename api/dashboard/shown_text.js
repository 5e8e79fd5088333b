// The one way of a text into a page. Names, values and messages come from foreign files: they are never markup, hide
// nothing, and move nothing beside them. All pages take `html` from here, so that none can forget it.
import {html as markup} from "./vendored/lit-html/lit-html.js";

// Controls, format characters (U+202E turns what follows it round) and separators of lines; the joiners are parts of words.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const KEPT = new Set(["\n", "\t", "\u200c", "\u200d"]);
const PLAIN = /^[\x20-\x7e]*$/;
const RIGHT = "\\u0590-\\u08ff\\ufb1d-\\ufdff\\ufe70-\\ufefc\\u{10800}-\\u{10fff}\\u{1e800}-\\u{1eeff}";
const RIGHT_TO_LEFT = new RegExp(`([${RIGHT}](?:[${RIGHT}\\u200c\\u200d\\s\\d.,_-]*[${RIGHT}])?)`, "u");
const EVERY_RIGHT_TO_LEFT = new RegExp(RIGHT_TO_LEFT.source, "gu");
const TEXT_ONLY = /<(?:option|textarea|title)\b[^<]*$/i;
const SAID = new Set(["title", "aria-label", "placeholder", "alt", "label"]);

function escaped(letter) {
  const code = letter.codePointAt(0);
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}

/** Text whose unseen characters stand there as escapes, as a report has them. */
export const visible = text =>
  PLAIN.test(text) ? text : text.replace(UNSEEN, letter => (KEPT.has(letter) ? letter : escaped(letter)));

/** The same where no element can stand (a title, an attribute): what runs from right to left is kept to itself. */
export const visibleLine = text => visible(text).replace(EVERY_RIGHT_TO_LEFT, "\u2068$1\u2069");

/** The same for a page. https://html.spec.whatwg.org/multipage/text-level-semantics.html#the-bdi-element */
function isolated(text) {
  const seen = visible(text);
  if (!RIGHT_TO_LEFT.test(seen)) return seen;
  return seen.split(RIGHT_TO_LEFT).map((part, at) => (at % 2 ? markup`<bdi>${part}</bdi>` : part));
}

/** A name, whole, that may be broken behind `_ . - /` and before a capital, and nowhere else. */
export function breakable(name) {
  const seen = visible(String(name)).replace(/[\n\t]/g, escaped);
  if (RIGHT_TO_LEFT.test(seen)) return markup`<bdi>${seen}</bdi>`;
  const parts = seen.split(/(?<=[_./\-:@])|(?<=[a-z0-9])(?=[A-Z])/);
  return parts.map((part, at) => (at ? html`<wbr />${part}` : part));
}

const placesOf = new WeakMap();

/** For each value of a template: how it gets into the page. */
function places(strings) {
  let known = placesOf.get(strings);
  if (!known) {
    let before = "";
    known = strings.slice(0, -1).map(part => {
      before += part;
      if (before.lastIndexOf("<") <= before.lastIndexOf(">")) return TEXT_ONLY.test(before) ? visibleLine : isolated;
      // Values of attributes that are read by programs (href, value) go as they are.
      return SAID.has(/\s([^\s=]+)=["']?[^"'=]*$/.exec(before)?.[1]) ? visibleLine : null;
    });
    placesOf.set(strings, known);
  }
  return known;
}

function shown(value, show) {
  if (!show) return value;
  if (typeof value === "string") return show(value);
  return Array.isArray(value) ? value.map(part => shown(part, show)) : value;
}

/** lit's `html`, whose texts are shown as what they are. */
export function html(strings, ...values) {
  const show = places(strings);
  return markup(strings, ...values.map((value, at) => shown(value, show[at])));
}
