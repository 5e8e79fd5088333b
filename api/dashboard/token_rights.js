// What the token may do, as the server tells it. Before it has, everything is offered: the server has the last word.

const SAID = {read: "look", run: "start, pause and resume runs", admin: "cancel, cut over and roll back"};

class TokenRights {
  #scopes = null;
  #name = "";
  /** Why the server has not told lately, as a sentence; empty: it has. */
  trouble = "";

  learn({name, scopes}) {
    this.trouble = "";
    this.#name = name;
    this.#scopes = scopes;
  }

  miss(error) {
    this.trouble = `${error.message} It is asked for again by itself.`;
  }

  forget() {
    this.trouble = "";
    this.#scopes = null;
    this.#name = "";
  }

  /** Whether the token has a scope. */
  may(scope) {
    return this.#scopes === null || this.#scopes.includes(scope);
  }

  /** Why not, as a sentence. */
  refusal(scope) {
    return `Your token ${this.#name} may ${this.#can()} only; this needs one with the scope ${scope}.`;
  }

  #can() {
    return (this.#scopes || []).map(scope => SAID[scope] || scope).join(", ");
  }

  said() {
    return this.#scopes === null ? "" : `Token ${this.#name}: may ${this.#can()}`;
  }
}

export const rights = new TokenRights();
