// The options of a run in plain words. What is left as it is, is left out of the request: the server's defaults count.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {html} from "./shown_text.js";

const CHOICES = {
  if_exists: [
    "A table of that name stands there already",
    [
      ["refuse", "Refuse the run, and change nothing"],
      ["replace", "Replace it, and keep the old one"],
      ["merge", "Add to its rows (with “only rows”)"],
    ],
  ],
  on_error: [
    "A value cannot be stored as it is",
    [
      ["quarantine", "Keep its row apart; the rest goes on"],
      ["abort", "Stop the run at once"],
    ],
  ],
  on_conflict: [
    "Rows are added, and another one stands under a row's key",
    [
      ["abort", "Stop the run, and change nothing"],
      ["source", "The row of the source counts"],
      ["target", "The row that stands there counts"],
    ],
  ],
  on_orphan: [
    "A row refers to a row that does not exist",
    [
      ["not-valid", "Keep it; the key stays NOT VALID"],
      ["quarantine", "Keep the row apart"],
      ["set-null", "Set the reference to NULL"],
    ],
  ],
  identifiers: [
    "Names of tables and columns",
    [
      ["preserve", "As they are"],
      ["lower", "Lower case: userid for UserId"],
      ["snake", "Snake case: user_id for UserId"],
    ],
  ],
  catalog: [
    "Tables of a catalog",
    [
      ["", "All tables"],
      ["educational", "Only the educational platform’s"],
    ],
  ],
};
const SWITCHES = {
  data_only: "Only rows, into tables that the application has made already",
  schema_per_source: "A schema for each source, named after its file",
  hold: "Stop before the cutover: proved, and nothing shown until somebody says so",
  salvage: "Of a damaged file, take what can still be read",
  fire_triggers: "Only rows: let triggers fire that may not be put to rest",
  ignore_version: "Only rows: go on where the application's versions on both sides differ",
  skip_validation: "Copy without the proof that every row has arrived",
};
const LISTS = {
  tables: ["Only these tables, separated by commas", "all of them"],
  exclude: ["All but these tables", "names, separated by commas"],
  accept: ["Losses that you sign for, as a dry-run names them", "such as skipped:trigger"],
  ignore: ["Findings about the schema that are wanted", "kinds, as a report names them"],
  drop_dependents: ["Objects of replaced tables that may stay behind", "kinds, such as view, policy"],
};
const NUMBERS = {
  max_workers: ["Workers at a time, at most", "as many as there are", 1, 10000, 1],
  priority: ["Priority over other runs", "0", -100, 100, 1],
  batch_size: ["Rows in memory at once", "by their size", 1, 1000000, 1],
  chunk_rows: ["Rows of one unit of work", "by the table's size", 1, 1000000000, 1],
  cutover_lock_timeout: ["Seconds that one try of the cutover waits for locks", "2", 0.1, 60, "any"],
  cutover_patience: ["Seconds for which the cutover is tried in all", "600", 0, 31536000, "any"],
};
const LINES = {
  cutover_window: ["Cut over only between these times of day", "22:00-05:00 Europe/Vienna", 100],
  app: ["Profile of a known application", "none", 100],
};

/** The options of a form's fields, without those that say nothing. Throws an Error with a sentence. */
export function readOptions(form) {
  const options = {},
    field = name => form.elements.namedItem(name),
    line = name => field(name).value.trim();
  const schema = line("target_schema");
  if (schema && schema !== "public") options.target_schema = schema;
  for (const [name, [, [[usual]]]] of Object.entries(CHOICES))
    if (field(name).value !== usual) options[name] = field(name).value;
  for (const name of Object.keys(SWITCHES)) if (field(name).checked) options[name] = true;
  for (const name of Object.keys(LISTS)) {
    const names = field(name)
      .value.split(/[,\n]/)
      .map(part => part.trim())
      .filter(Boolean);
    if (names.length) options[name] = names;
  }
  for (const [name, [label]] of Object.entries(NUMBERS)) {
    if (field(name).validity.badInput) throw new Error(`${label}: this is no number.`);
    if (line(name)) options[name] = Number(line(name));
  }
  for (const name of Object.keys(LINES)) if (line(name)) options[name] = line(name);
  const signer = line("accepted_by");
  if (signer && options.accept) options.accepted_by = signer;
  const zone = line("source_timezone");
  if (zone && zone !== "UTC") options.source_timezone = zone;
  const mapping = line("mapping");
  if (mapping) {
    try {
      options.mapping = JSON.parse(mapping);
    } catch {
      throw new Error("The mapping is no JSON. A run's quarantine gives lines that can be pasted here.");
    }
  }
  return options;
}

/** The name of the target that a form asks for; null: targets have no names here. */
export const readTarget = form => form.elements.namedItem("target")?.value || null;

/**
 * What is asked for first, and the rest behind two heads: what comes along, and when and how fast. `targets`: those that
 * have names, as the server lists them; empty where there is but one.
 */
export function optionFields(targets = []) {
  const profiles = (document.body.dataset.profiles || "").split(",");
  return html` <div class="fields">
      ${
        targets.length
          ? html`<label
              >Target
              <select name="target">
                ${targets.map(({name, answers}) => html`<option value=${name}>${answers ? name : `${name} (does not answer)`}</option>`)}
              </select></label
            >`
          : nothing
      }
      <label
        >Schema of PostgreSQL that gets the tables
        <input name="target_schema" value="public" maxlength="63" spellcheck="false"
      /></label>
      ${["if_exists", "on_error"].map(choice)} ${line("app", "profiles")}
      <datalist id="profiles">${profiles.map(name => html`<option value=${name}></option>`)}</datalist>
    </div>
    <div class="switches">${toggle("data_only")}</div>
    <details class="more-options">
      <summary>More options</summary>
      <div class="fields">
        ${["on_orphan", "identifiers", "catalog", "on_conflict"].map(choice)} ${Object.keys(LISTS).map(list)}
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
        ${["schema_per_source", "hold", "salvage", "fire_triggers", "ignore_version"].map(toggle)}
      </div>
    </details>
    <details class="more-options">
      <summary>When and how fast</summary>
      <div class="fields">${line("cutover_window")} ${Object.keys(NUMBERS).map(figure)}</div>
      <div class="switches">${toggle("skip_validation")}</div>
    </details>`;
}

const toggle = name => html`<label class="switch"><input type="checkbox" name=${name} /> ${SWITCHES[name]}</label>`;

function list(name) {
  const [label, hint] = LISTS[name];
  return html`<label>${label} <input name=${name} placeholder=${hint} spellcheck="false" /></label>`;
}

function line(name, known) {
  const [label, hint, most] = LINES[name];
  return html`<label
    >${label}
    <input name=${name} placeholder=${hint} maxlength=${most} list=${known || nothing} spellcheck="false"
  /></label>`;
}

function figure(name) {
  const [label, hint, least, most, step] = NUMBERS[name];
  return html`<label
    >${label} <input type="number" name=${name} placeholder=${hint} min=${least} max=${most} step=${step}
  /></label>`;
}

function choice(name) {
  const [label, values] = CHOICES[name];
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
