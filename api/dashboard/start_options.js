// The options of a run in plain words. What is left as it is, is left out of the request: the server's defaults count.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {html} from "./shown_text.js";

const CHOICES = [
  [
    "if_exists",
    "A table of that name stands there already",
    [
      ["refuse", "Refuse the run, and change nothing"],
      ["replace", "Replace it, and keep the old one"],
    ],
  ],
  [
    "on_error",
    "A value cannot be stored as it is",
    [
      ["quarantine", "Keep its row apart; the rest goes on"],
      ["abort", "Stop the run at once"],
    ],
  ],
  [
    "on_orphan",
    "A row refers to a row that does not exist",
    [
      ["not-valid", "Keep it; the foreign key stays NOT VALID"],
      ["quarantine", "Keep the row apart"],
      ["set-null", "Set the reference to NULL"],
    ],
  ],
  [
    "identifiers",
    "Names of tables and columns",
    [
      ["preserve", "As they are"],
      ["lower", "In lower case: UserId becomes userid"],
      ["snake", "In snake case: UserId becomes user_id"],
    ],
  ],
];
const SWITCHES = [
  ["schema_per_source", "A schema for each source, named after its file"],
  ["hold", "Stop before the cutover: proved, and nothing shown until somebody says so"],
  ["salvage", "Of a damaged file, take what can still be read"],
];
const LISTS = [
  ["tables", "Only these tables", "all of them; separate names by commas"],
  ["exclude", "All but these tables", "names, separated by commas"],
  ["accept", "Losses that you sign for", "as a dry-run names them, such as skipped:trigger"],
];

/** The options of a form's fields, without those that say nothing. Throws an Error with a sentence. */
export function readOptions(form) {
  const options = {},
    field = name => form.elements.namedItem(name);
  const schema = field("target_schema").value.trim();
  if (schema && schema !== "public") options.target_schema = schema;
  for (const [name, , [[usual]]] of CHOICES) if (field(name).value !== usual) options[name] = field(name).value;
  for (const [name] of SWITCHES) if (field(name).checked) options[name] = true;
  for (const [name] of LISTS) {
    const names = field(name)
      .value.split(/[,\n]/)
      .map(part => part.trim())
      .filter(Boolean);
    if (names.length) options[name] = names;
  }
  const signer = field("accepted_by").value.trim();
  if (signer && options.accept) options.accepted_by = signer;
  const zone = field("source_timezone").value.trim();
  if (zone && zone !== "UTC") options.source_timezone = zone;
  const mapping = field("mapping").value.trim();
  if (mapping) {
    try {
      options.mapping = JSON.parse(mapping);
    } catch {
      throw new Error("The mapping is no JSON. A run's quarantine gives lines that can be pasted here.");
    }
  }
  return options;
}

export function optionFields() {
  return html` <div class="fields">
      <label
        >Schema of PostgreSQL that gets the tables
        <input name="target_schema" value="public" maxlength="63" spellcheck="false"
      /></label>
      ${CHOICES.slice(0, 2).map(choice)}
    </div>
    <details class="more-options">
      <summary>More options</summary>
      <div class="fields">
        ${CHOICES.slice(2).map(choice)}
        ${LISTS.map(([name, label, hint]) => html`<label>${label} <input name=${name} placeholder=${hint} spellcheck="false" /></label>`)}
        <label>Who signs, for the report <input name="accepted_by" placeholder="your name" maxlength="200" /></label>
        <label
          >Time zone of dates and times that name none
          <input name="source_timezone" value="UTC" spellcheck="false" list="zones"
        /></label>
        <datalist id="zones">
          ${(Intl.supportedValuesOf?.("timeZone") || []).map(zone => html`<option value=${zone}></option>`)}
        </datalist>
        <label class="wide-field"
          >Mapping, as JSON
          <textarea
            name="mapping"
            rows="3"
            spellcheck="false"
            placeholder='{"tables": {"orders": {"rename": "sale"}}}'
          ></textarea>
        </label>
      </div>
      <div class="switches">
        ${SWITCHES.map(([name, label]) => html`<label class="switch"><input type="checkbox" name=${name} /> ${label}</label>`)}
      </div>
    </details>`;
}

function choice([name, label, values]) {
  return html`<label
    >${label}
    <select name=${name}>
      ${values.map(([value, said], at) => html`<option value=${value} ?selected=${at === 0}>${said}</option>`)}
    </select></label
  >`;
}

/** The options that differ from the usual, as a line. */
export const optionsSaid = options =>
  Object.entries(options)
    .map(
      ([name, value]) => `${name.replaceAll("_", " ")}: ${typeof value === "object" ? JSON.stringify(value) : value}`,
    )
    .join(" · ") || nothing;
