/*
 * Builds the settings page once the host has called and its language is known.
 */
(function () {
  "use strict";

  const { client, strings, Accounts, AccountPanel } = globalThis.SpotifyPages;
  const accounts = new Accounts(client);
  let isBuilt = false;

  /** Builds the page in the host's language, or in the browser's if no host calls. */
  function build() {
    if (isBuilt) return;
    isBuilt = true;
    strings.setLanguage(client.language || navigator.language);
    document.title = strings.text("pageTitle");
    document.getElementById("page-title").textContent = strings.text("pageTitle");
    new AccountPanel(document.getElementById("account-panel"), client, accounts);
  }

  client.on("started", build);
  accounts.onChange(build);
})();
