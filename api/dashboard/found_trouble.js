// What a run found: findings, and rows in quarantine with their original bytes and the lines that let them in.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {RUNS, ask, withQuery} from "./api_requests.js";
import {pasteBlock} from "./page_screen.js";
import {breakable, html} from "./shown_text.js";
import {bytesOf, count, hex, number, readable, words} from "./text_formats.js";

const PAGE = 50;
const VALUES = 20;
const HEX_SHOWN = 256;

/** The findings of a run, by page. */
export class FindingsList {
  #id;
  #redraw;
  #found = [];
  #total = 0;
  #next = null;
  #trouble = "";
  #seen = -1;

  constructor(runId, redraw) {
    this.#id = runId;
    this.#redraw = redraw;
  }

  /** Asks anew where the run has more findings than were known. */
  async refresh(total) {
    if (total === this.#seen) return;
    this.#seen = total;
    await this.#load(`${RUNS}/${this.#id}/findings?limit=${PAGE}`, []);
  }

  async #load(path, before) {
    try {
      const page = await ask(path);
      this.#found = [...before, ...page.findings];
      this.#total = page.total;
      this.#next = page.next;
      this.#trouble = "";
    } catch (error) {
      this.#seen = -1;
      this.#trouble = error.message;
    }
    this.#redraw();
  }

  view() {
    if (!this.#total && !this.#trouble) return nothing;
    return html`<section class="card" aria-labelledby="findings-head">
      <div class="card-head">
        <h2 id="findings-head">Findings</h2>
        <span class="soft">${number(this.#total)}</span>
      </div>
      ${this.#trouble ? html`<p class="bad-text">${this.#trouble}</p>` : nothing}
      <ul class="findings">
        ${this.#found.map(findingLine)}
      </ul>
      ${this.#next ? html`<button type="button" class="small" @click=${() => this.#load(this.#next, this.#found)}>Show more findings</button>` : nothing}
    </section>`;
  }
}

export function findingLine(finding) {
  const place = [finding.table, finding.column].filter(Boolean).join(".");
  const level = finding.is_error
    ? ["bad", "×", "stops the run"]
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
const typeIn = mapping => Object.values(Object.values(mapping.tables)[0].columns)[0].type;

/** Rows that stayed out: by column and reason, each with its values and what to paste. */
export class QuarantineBrowser {
  #id;
  #redraw;
  #groups = null;
  #hasMore = false;
  #open = new Map();
  #trouble = "";
  #seen = 0;

  constructor(runId, redraw) {
    this.#id = runId;
    this.#redraw = redraw;
  }

  async refresh(rows) {
    if (!rows || rows === this.#seen) return;
    this.#seen = rows;
    try {
      const answer = await ask(`${RUNS}/${this.#id}/quarantine-groups`);
      this.#groups = answer.groups;
      this.#hasMore = answer.more;
      this.#trouble = "";
    } catch (error) {
      this.#seen = 0;
      this.#trouble = error.message;
    }
    this.#redraw();
  }

  async #show(group, key) {
    const {source, table, column, reason} = group;
    await this.#load(
      key,
      withQuery(`${RUNS}/${this.#id}/quarantine`, {source, table, column, reason, limit: VALUES}),
      [],
    );
  }

  async #load(key, path, before) {
    try {
      const page = await ask(path);
      this.#open.set(key, {values: [...before, ...page.values], next: page.next});
      this.#trouble = "";
    } catch (error) {
      this.#trouble = error.message;
    }
    this.#redraw();
  }

  view(rows) {
    if (!rows && !this.#trouble) return nothing;
    return html`<section class="card" aria-labelledby="quarantine-head">
      <div class="card-head">
        <h2 id="quarantine-head">Quarantine</h2>
        <span class="soft">${count(rows, "row")} stayed out, with their original bytes kept</span>
      </div>
      ${this.#trouble ? html`<p class="bad-text">${this.#trouble}</p>` : nothing}
      ${this.#groups ? this.#groups.map(group => this.#group(group)) : html`<p class="soft">Asking the server …</p>`}
      ${this.#hasMore ? html`<p class="soft">There are more kinds of trouble than are shown: GET …/quarantine has every value.</p>` : nothing}
    </section>`;
  }

  #group(group) {
    const key = JSON.stringify([group.source, group.table, group.column, group.reason]),
      open = this.#open.get(key);
    const place = [group.table, group.column].filter(Boolean).join(".");
    return html`<details
      class="group"
      @toggle=${event => {
        if (event.target.open && !open) this.#show(group, key);
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
      ${open ? this.#values(open, key, place) : html`<p class="soft">Asking the server …</p>`}
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
