// What a run found: findings, and rows in quarantine with their original bytes and the lines that let them in.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {RUNS, ask, withQuery} from "./api_requests.js";
import {pasteBlock} from "./page_screen.js";
import {whereFound} from "./run_figures.js";
import {SectionQuestion} from "./section_question.js";
import {breakable, html} from "./shown_text.js";
import {bytesOf, count, hex, number, readable, words} from "./text_formats.js";

const PAGE = 50;
const VALUES = 20;
const HEX_SHOWN = 256;

/** The findings of a run, by page. */
export class FindingsList {
  #id;
  #page;
  #seen = -1;

  constructor(runId, redraw) {
    this.#id = runId;
    this.#page = new SectionQuestion(redraw);
  }

  close() {
    this.#page.close();
  }

  /** Asks anew where the run has other findings than were known. */
  refresh(total) {
    if (total === this.#seen) return;
    this.#seen = total;
    this.#load(`${RUNS}/${this.#id}/findings?limit=${PAGE}`, []);
  }

  #load(path, before) {
    this.#page.ask(async () => {
      const page = await ask(path);
      return {...page, findings: [...before, ...page.findings]};
    });
  }

  /** `open`: how many the run has that nobody has signed for. */
  view(open, nameOf) {
    const {answer, trouble} = this.#page;
    if (!trouble && !(answer ? answer.total : open)) return nothing;
    const signed = answer ? answer.total - open : 0;
    return html`<section class="card" aria-labelledby="findings-head">
      <div class="card-head">
        <h2 id="findings-head">Findings</h2>
        ${answer ? html`<span class="soft">${number(answer.total)}${signed > 0 ? `, ${number(signed)} of them signed for` : ""}</span>` : nothing}
      </div>
      ${this.#page.said()} ${answer || trouble ? nothing : html`<p class="soft">Asking the server …</p>`}
      <ul class="findings">
        ${(answer?.findings ?? []).map(finding => findingLine(finding, nameOf))}
      </ul>
      ${answer?.next ? html`<button type="button" class="small" @click=${() => this.#load(answer.next, answer.findings)}>Show more findings</button>` : nothing}
    </section>`;
  }
}

/** `nameOf` tells a table from those of other sources (run_figures.js). What became of the run, its status says. */
export function findingLine(finding, nameOf = name => name) {
  const place = whereFound(finding, nameOf);
  const level = finding.is_error
    ? ["bad", "×", "error"]
    : finding.accepted_by
      ? ["ended", "✓", "signed for"]
      : ["warn", "!", "to look at"];
  return html`<li>
    <div>
      <span class=${`badge ${level[0]}`}><span aria-hidden="true">${level[1]}</span> ${level[2]}</span>
      <strong>${words(finding.kind)}</strong>
      <span class="soft">${breakable(place)}${finding.key ? `, key ${finding.key}` : ""}</span>
    </div>
    <div>${finding.message}</div>
    ${
      finding.accepted_by
        ? html`<div class="soft small-text">Signed for by ${finding.accepted_by}</div>`
        : finding.loss
          ? html`<div class="soft small-text">
              Whoever means it so signs for it: accept <code>${finding.loss}</code>
            </div>`
          : nothing
    }
  </li>`;
}

/** What becomes of values that a mapping lets in, by the type of their column. */
const KEPT_AS = {bytea: "their bytes are kept undecoded", text: "they are kept as text, letter by letter"};
const typeIn = ({tables, sources}) => Object.values(Object.values(tables ?? Object.values(sources)[0].tables)[0].columns)[0].type;

/** Rows that stayed out: by column and reason, each with its values and what to paste. */
export class QuarantineBrowser {
  #id;
  #redraw;
  #groups;
  #open = new Map();
  #seen = 0;

  constructor(runId, redraw) {
    this.#id = runId;
    this.#redraw = redraw;
    this.#groups = new SectionQuestion(redraw);
  }

  close() {
    this.#groups.close();
    for (const values of this.#open.values()) values.close();
  }

  refresh(rows) {
    if (!rows || rows === this.#seen) return;
    this.#seen = rows;
    this.#groups.ask(() => ask(`${RUNS}/${this.#id}/quarantine-groups`));
  }

  #show(group, key) {
    const {source, table, column, reason} = group;
    this.#open.set(key, new SectionQuestion(this.#redraw));
    this.#load(key, withQuery(`${RUNS}/${this.#id}/quarantine`, {source, table, column, reason, limit: VALUES}), []);
  }

  #load(key, path, before) {
    this.#open.get(key).ask(async () => {
      const page = await ask(path);
      return {values: [...before, ...page.values], next: page.next};
    });
  }

  view(rows, nameOf, isDry) {
    const {answer, trouble} = this.#groups;
    if (!rows && !trouble) return nothing;
    return html`<section class="card" aria-labelledby="quarantine-head">
      <div class="card-head">
        <h2 id="quarantine-head">Quarantine</h2>
        <span class="soft"
          >${count(rows, "row")} ${isDry ? "would stay out; the original bytes of the values are kept" : "stayed out, with their original bytes kept"}</span
        >
      </div>
      ${this.#groups.said()} ${answer || trouble ? nothing : html`<p class="soft">Asking the server …</p>`}
      ${(answer?.groups ?? []).map(group => this.#group(group, nameOf))}
      ${answer?.more ? html`<p class="soft">There are more kinds of trouble than are shown: GET …/quarantine has every value.</p>` : nothing}
    </section>`;
  }

  #group(group, nameOf) {
    const key = JSON.stringify([group.source, group.table, group.column, group.reason]),
      open = this.#open.get(key);
    const place = [nameOf(group.table, group.source), group.column].filter(Boolean).join(".");
    return html`<details
      class="group"
      @toggle=${event => {
        if (event.target.open && !this.#open.has(key)) this.#show(group, key);
      }}
    >
      <summary>
        <strong>${breakable(place)}</strong> <span>${count(group.values, "value")}: ${group.reason}</span>
      </summary>
      <h3>${group.title}</h3>
      <p>${group.detail}</p>
      ${
        group.mapping_toml
          ? html`<p>
                There are two ways. Either the values are mended in the source, as said above, and the run is made
                again. Or ${KEPT_AS[typeIn(group.mapping)] || "they are kept as they are"}, in a column of the type
                <code>${typeIn(group.mapping)}</code>: these lines of a mapping file say so, and the same for the form.
              </p>
              ${pasteBlock(group.mapping_toml, "lines of the mapping file")}${pasteBlock(JSON.stringify(group.mapping), "mapping of the form")}`
          : nothing
      }
      ${open?.said() ?? nothing}
      ${open?.answer ? this.#values(open.answer, key, place) : open?.trouble ? nothing : html`<p class="soft">Asking the server …</p>`}
    </details>`;
  }

  #values({values, next}, key, place) {
    return html`<div class="scroll" tabindex="0" role="region" aria-label=${`Values of ${place}`}>
        <table>
          <thead>
            <tr>
              <th>Key</th>
              <th>Class</th>
              <th class="num">Bytes</th>
              <th>As text</th>
              <th>As bytes</th>
            </tr>
          </thead>
          <tbody>
            ${values.map(value => {
              const bytes = bytesOf(value.original_base64),
                isCut = value.truncated || bytes.length > HEX_SHOWN;
              return html`<tr>
                <td>${value.key.map(part => JSON.stringify(part)).join(", ")}</td>
                <td>${value.storage_class}</td>
                <td class="num">${number(value.original_bytes)}</td>
                <td><code>${readable(bytes.slice(0, HEX_SHOWN))}${isCut ? " …" : ""}</code></td>
                <td><code>${hex(bytes.slice(0, HEX_SHOWN))}${isCut ? " …" : ""}</code></td>
              </tr>`;
            })}
          </tbody>
        </table>
      </div>
      ${next ? html`<button type="button" class="small" @click=${() => this.#load(key, next, values)}>Show more values</button>` : nothing}`;
  }
}
