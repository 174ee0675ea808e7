/*
 * Texts that describe an account: its place in the order, its state, its limits and until when they apply.
 *
 * The list, the card and the property view's account line share these texts. All functions are pure functions of the account
 * and the time.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { text } = pages.strings;

  /** The groups of calls that Spotify limits separately, in the order in which they are shown, with their text keys. */
  const GROUPS = new Map([
    ["player", "groupPlayer"],
    ["library", "groupLibrary"],
    ["playlists", "groupPlaylists"],
    ["catalog", "groupCatalog"],
    ["profile", "groupProfile"],
  ]);

  /** Headline and hint of each issue that a logged-in account may have, except `otherUser`. */
  const ISSUES = new Map([
    ["userNeedsPremium", ["userNeedsPremium", "userNeedsPremiumHint"]],
    ["appOwnerNeedsPremium", ["ownerNeedsPremium", "ownerNeedsPremiumHint"]],
    ["notOnAllowList", ["notOnAllowList", "notOnAllowListHint"]],
  ]);

  /** Returns the display name of a group of calls, or the package's name for a group that this page doesn't know. */
  function group(name) {
    if (name === "all") return text("groupAll");
    return GROUPS.has(name) ? text(GROUPS.get(name)) : name;
  }

  /** Returns the name of an account's place: the first one is the primary, the others are backups. */
  function role(index) {
    return index === 0 ? text("primary") : text("backup", { n: index });
  }

  /** Shortens a Client ID, leaving enough of it to distinguish two. */
  function shortened(clientId) {
    return clientId.length > 14 ? `${clientId.slice(0, 6)}…${clientId.slice(-4)}` : clientId;
  }

  /** Returns the name of the account's user, or else its app. */
  function name(account) {
    return account.user || text("appOf", { id: shortened(account.clientId) });
  }

  /** Returns the initial of an account's user. */
  function initial(account) {
    const first = account?.user ? Array.from(account.user.trim())[0] : "";
    return first ? first.toLocaleUpperCase() : "♪";
  }

  function formatList(names) {
    return new Intl.ListFormat(pages.strings.locale, { type: "conjunction" }).format(names);
  }

  /** Returns the limits that apply at `now`, ordered by their end; those of the same kind and end are merged. */
  function limits(account, now) {
    const active = account.limits.filter(({ until }) => until > now);
    const allUntil = Math.max(0, ...active.filter(({ group }) => group === "all").map(({ until }) => until));
    const merged = new Map();
    for (const limit of active) {
      // A limit of all calls makes shorter limits of single groups irrelevant.
      if (limit.group !== "all" && limit.until <= allUntil) continue;
      const key = `${limit.kind} ${limit.part} ${limit.until}`;
      if (!merged.has(key)) merged.set(key, { kind: limit.kind, part: limit.part, until: limit.until, groups: [] });
      const { groups } = merged.get(key);
      if (!groups.includes(limit.group)) groups.push(limit.group);
    }
    return [...merged.values()].sort((a, b) => a.until - b.until);
  }

  /** Describes one of `limits`: which calls are limited, and until when. */
  function limitText({ kind, part, until, groups }, now) {
    const time = pages.times.until(until, now);
    if (part) return text("partLimitedUntil", { time, groups: formatList(groups.map(group)) });
    const isAll = groups.includes("all");
    const key = kind === "quota" ? (isAll ? "quotaUntil" : "quotaForUntil") : isAll ? "throttledUntil" : "throttledForUntil";
    return text(key, { time, groups: isAll ? "" : formatList(groups.map(group)) });
  }

  /** Returns whether all calls of the account are limited at `now`. */
  function isBlocked(account, now) {
    return account.limits.some(({ group, until }) => group === "all" && until > now);
  }

  function expiresSoon(account, now) {
    return account.signInEndsSoon && account.signInEnds > now;
  }

  function linkedIssue(account) {
    return account.state === "linked" && ISSUES.get(account.issue);
  }

  function isOtherUser(account) {
    return account.issue === "otherUser" && !["linking", "invalidCredentials"].includes(account.state);
  }

  /** Returns the state of an account as a headline. */
  function state(account) {
    if (isOtherUser(account)) {
      return account.otherUser ? text("otherUser", account.otherUser) : text("otherUserUnnamed");
    }
    switch (account.state) {
      case "linked":
        if (linkedIssue(account)) return text(linkedIssue(account)[0]);
        if (account.identifying) return text("identifying");
        return account.user ? text("linkedAs", { name: account.user }) : text("linked");
      case "linking":
        return text("stateLinking");
      case "invalidCredentials":
        return text("stateInvalid");
      case "signInAgain":
        return text("stateSignInAgain");
      default:
        return text("stateNeedsLogin");
    }
  }

  /** Explains what the user can do about the state. The package's message about the last failure is only a fallback. */
  function hint(account, now) {
    if (isOtherUser(account)) {
      return account.otherUser ? text("otherUserHint", account.otherUser) : text("otherUserUnnamedHint");
    }
    switch (account.state) {
      case "linked":
        if (linkedIssue(account)) return text(linkedIssue(account)[1]);
        if (limits(account, now).length) return "";
        if (account.identifying) return account.message || text("identifyingHint");
        return account.message || (expiresSoon(account, now) ? text("signInEndsHint") : "");
      case "linking":
        return text("stateLinkingHint");
      case "invalidCredentials":
        return text("stateInvalidHint");
      case "signInAgain":
        return text("stateSignInAgainHint");
      default:
        return account.message || text("stateNeedsLoginHint");
    }
  }

  /**
   * Returns further facts about a logged-in account, one sentence each: its limits, and whether its log-in expires soon.
   * With `withRemaining`, each limit includes its remaining time, which changes constantly.
   */
  function facts(account, now, withRemaining = true) {
    if (account.state !== "linked") return [];
    const sentences = limits(account, now).map((limit) => {
      const sentence = limitText(limit, now);
      return withRemaining ? text("withRemaining", { text: sentence, rest: pages.times.duration(limit.until - now) }) : sentence;
    });
    if (expiresSoon(account, now)) sentences.push(text("signInEnds", { date: pages.times.day(account.signInEnds) }));
    return sentences;
  }

  /** Describes the account in one line, for a list that already shows its name. */
  function summary(account, now) {
    if (account.state !== "linked" || account.identifying || tone(account, now) === "bad") return state(account);
    return facts(account, now).join(" · ") || text("linked");
  }

  /** Returns the account's condition: `good`, `warn` (limited, or not logged in yet) or `bad` (the user must act). */
  function tone(account, now) {
    if (isOtherUser(account) || linkedIssue(account)) return "bad";
    switch (account.state) {
      case "linked":
        return account.identifying || facts(account, now).length ? "warn" : "good";
      case "invalidCredentials":
      case "signInAgain":
        return "bad";
      default:
        return "warn";
    }
  }

  pages.accountText = { GROUPS: [...GROUPS.keys()], group, role, shortened, name, initial, state, hint, facts, summary, tone, isBlocked };
})();
