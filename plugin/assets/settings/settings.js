/*
 * Starts the settings page once the host has called and its language is known.
 */
(function () {
  "use strict";

  const { client, strings, Accounts, AccountPanel } = globalThis.SpotifyPages;
  const accounts = new Accounts(client);
  let built = false;

  /** Builds the page; the host's language comes with its call, or never, where nobody calls. */
  function build() {
    if (built) return;
    built = true;
    strings.use(client.language || navigator.language);
    document.title = strings.text("pageTitle");
    document.getElementById("page-title").textContent = strings.text("pageTitle");
    new AccountPanel(document.getElementById("account-panel"), client, accounts);
  }

  client.on("started", build);
  accounts.onChange(build);
})();
