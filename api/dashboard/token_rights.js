// What the token may do. A server without scopes lets each token do everything; the server itself has the last word.

const SAID = {read: "read", run: "start and stop runs", admin: "administer"};

class TokenRights {
  #scopes = null;
  #name = "";

  learn({name, scopes}) {
    this.#name = name;
    this.#scopes = scopes;
  }

  forget() {
    this.#scopes = null;
    this.#name = "";
  }

  /** Whether runs may be started and acted on. */
  get mayRun() {
    return this.#scopes === null || this.#scopes.includes("run") || this.#scopes.includes("admin");
  }

  /** Why not, as a sentence. */
  get refusal() {
    return `Your token${this.#name ? ` (${this.#name})` : ""} may only read; this needs one with the scope run.`;
  }

  said() {
    if (this.#scopes === null) return "";
    return `Token ${this.#name}: may ${this.#scopes.map(scope => SAID[scope] || scope).join(", ")}`;
  }
}

export const rights = new TokenRights();
