// Which databases go along: those that the server finds below its root, or a path that somebody types.
import {nothing} from "./vendored/lit-html/lit-html.js";
import {repeat} from "./vendored/lit-html/directives/repeat.js";
import {ask} from "./api_requests.js";
import {SectionQuestion} from "./section_question.js";
import {breakable, html} from "./shown_text.js";
import {count, dayAndTime, size} from "./text_formats.js";

const SHOWN = 100;
const TABLES_NAMED = 8;

export class SourceChoice {
  chosen = new Set();
  #redraw;
  #onChange;
  #list;
  #filter = "";

  constructor(redraw, onChange) {
    this.#redraw = redraw;
    this.#onChange = onChange;
    this.#list = new SectionQuestion(redraw);
    this.load();
  }

  close() {
    this.#list.close();
  }

  load() {
    this.#list.ask(() => ask("/api/v1/sources?limit=500"));
  }

  /** Paths for the request: what is ticked, and what is typed. */
  paths(form) {
    const typed = form.elements
      .namedItem("typed")
      .value.split("\n")
      .map(line => line.trim())
      .filter(Boolean);
    return [...new Set([...this.chosen, ...typed])];
  }

  #toggle(path, isChosen) {
    if (isChosen) this.chosen.add(path);
    else this.chosen.delete(path);
    this.#onChange();
    this.#redraw();
  }

  view() {
    const {answer, trouble} = this.#list;
    const found = answer?.sources ?? [],
      wanted = this.#filter.toLowerCase();
    const fitting = found.filter(source => source.path.toLowerCase().includes(wanted)),
      shown = fitting.slice(0, SHOWN);
    return html`<fieldset class="card">
      <legend>Databases</legend>
      <p class="soft small-text">
        What lies below the folder that this server reads from (MIGRATION_SOURCE_ROOT).
        ${this.chosen.size ? html`<strong>${count(this.chosen.size, "database")} chosen.</strong>` : nothing}
      </p>
      ${this.#list.said()}
      ${trouble ? html`<p class="warn-text">The databases are not listed. <button type="button" class="link" @click=${() => this.load()}>Ask again</button></p>` : nothing}
      ${answer || trouble ? nothing : html`<p class="soft">Looking …</p>`}
      ${
        found.length > 8
          ? html`<label
              >Find
              <input
                type="search"
                .value=${this.#filter}
                placeholder="part of the path"
                @input=${event => {
                  this.#filter = event.target.value;
                  this.#redraw();
                }}
            /></label>`
          : nothing
      }
      <ul class="sources">
        ${repeat(
          shown,
          source => source.path,
          source =>
            html`<li>
              <label>
                <input
                  type="checkbox"
                  .checked=${this.chosen.has(source.path)}
                  @change=${event => this.#toggle(source.path, event.target.checked)}
                />
                <span
                  ><strong>${breakable(source.path)}</strong>
                  <span class="soft small-text source-about"
                    >${size(source.bytes)} ·
                    ${source.table_count === null ? source.format : count(source.table_count, "table")} · changed
                    ${dayAndTime(source.modified_at)}${source.has_wal ? " · in use: its write-ahead log comes along" : ""}</span
                  >
                  ${source.tables?.length ? html`<span class="soft small-text source-about">${source.tables.slice(0, TABLES_NAMED).map((name, at) => html`${at ? ", " : ""}${breakable(name)}`)}${source.table_count > TABLES_NAMED ? ` and ${source.table_count - TABLES_NAMED} more` : ""}</span>` : nothing}</span
                ></label
              >
            </li>`,
        )}
      </ul>
      ${fitting.length > SHOWN ? html`<p class="soft">${fitting.length - SHOWN} more: type a part of the path to find them.</p>` : nothing}
      ${answer && !found.length && !trouble ? html`<p class="soft">No database lies there.</p>` : nothing}
      ${answer?.note ? html`<p class="soft">${answer.note}</p>` : nothing}
      <label
        ><span>Or paths below that folder, one a line; a folder or <code>*.db</code> stands for all in it</span
        ><textarea name="typed" rows="1" spellcheck="false" @input=${() => this.#onChange()}></textarea>
      </label>
    </fieldset>`;
  }
}
