/*
 * What an account is, in words: its place in the order, its state, what limits it and until when.
 *
 * The list, the card and the property view's line all take their words from here, so that they never say different things.
 * Functions of the account and the time alone.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { text } = pages.strings;

  /** Groups of calls that Spotify counts apart, in the order in which they are shown, with their names. */
  const GROUPS = new Map([
    ["player", "groupPlayer"],
    ["library", "groupLibrary"],
    ["playlists", "groupPlaylists"],
    ["catalog", "groupCatalog"],
    ["profile", "groupProfile"],
  ]);

  /** Headline and explanation of each trouble that an account with a sign-in may have; `otherUser` has its own. */
  const TROUBLES = new Map([
    ["userNeedsPremium", ["userNeedsPremium", "userNeedsPremiumHint"]],
    ["appOwnerNeedsPremium", ["ownerNeedsPremium", "ownerNeedsPremiumHint"]],
    ["notOnAllowList", ["notOnAllowList", "notOnAllowListHint"]],
  ]);

  /** The name of a group of calls; of one that this page doesn't know, what the package calls it. */
  function group(name) {
    if (name === "all") return text("groupAll");
    return GROUPS.has(name) ? text(GROUPS.get(name)) : name;
  }

  /** The account's place: the first one is the primary, the others are backups. */
  function role(index) {
    return index === 0 ? text("primary") : text("backup", { n: index });
  }

  /** Enough of a Client ID to tell two apart. */
  function shortened(clientId) {
    return clientId.length > 14 ? `${clientId.slice(0, 6)}…${clientId.slice(-4)}` : clientId;
  }

  /** Whose account it is, or else which app's. */
  function name(account) {
    return account.user || text("appOf", { id: shortened(account.clientId) });
  }

  /** The letter that stands for an account's user. */
  function initial(account) {
    const first = account?.user ? Array.from(account.user.trim())[0] : "";
    return first ? first.toLocaleUpperCase() : "♪";
  }

  function list(names) {
    return new Intl.ListFormat(pages.strings.locale, { type: "conjunction" }).format(names);
  }

  /** The limits that hold at `now`, those together that are of one kind and end at one time, the nearest end first. */
  function limits(account, now) {
    const held = account.limits.filter(({ until }) => until > now);
    const whole = Math.max(0, ...held.filter((one) => one.group === "all").map(({ until }) => until));
    const kinds = new Map();
    for (const limit of held) {
      // What is shut as a whole needs no word about its parts.
      if (limit.group !== "all" && limit.until <= whole) continue;
      const key = `${limit.kind} ${limit.part} ${limit.until}`;
      if (!kinds.has(key)) kinds.set(key, { kind: limit.kind, part: limit.part, until: limit.until, groups: [] });
      const { groups } = kinds.get(key);
      if (!groups.includes(limit.group)) groups.push(limit.group);
    }
    return [...kinds.values()].sort((one, other) => one.until - other.until);
  }

  /** One of `limits` in words: what is shut, and until when. */
  function limitText({ kind, part, until, groups }, now) {
    const time = pages.times.until(until, now);
    if (part) return text("partLimitedUntil", { time, groups: list(groups.map(group)) });
    const whole = groups.includes("all");
    const row = kind === "quota" ? (whole ? "quotaUntil" : "quotaForUntil") : whole ? "throttledUntil" : "throttledForUntil";
    return text(row, { time, groups: whole ? "" : list(groups.map(group)) });
  }

  /** Whether the account may send nothing at all at `now`. */
  function isShut(account, now) {
    return account.limits.some(({ group, until }) => group === "all" && until > now);
  }

  function endsSoon(account, now) {
    return account.signInEndsSoon && account.signInEnds > now;
  }

  function linkedTrouble(account) {
    return account.state === "linked" && TROUBLES.get(account.trouble);
  }

  function isOtherUser(account) {
    return account.trouble === "otherUser" && !["linking", "invalidCredentials"].includes(account.state);
  }

  /** The state of an account as a headline. */
  function state(account) {
    if (isOtherUser(account)) {
      return account.otherUser ? text("otherUser", account.otherUser) : text("otherUserUnnamed");
    }
    switch (account.state) {
      case "linked":
        if (linkedTrouble(account)) return text(linkedTrouble(account)[0]);
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

  /** What the user can do about the state; what the package says of the last failure only where we have no words of our own. */
  function hint(account, now) {
    if (isOtherUser(account)) {
      return account.otherUser ? text("otherUserHint", account.otherUser) : text("otherUserUnnamedHint");
    }
    switch (account.state) {
      case "linked":
        if (linkedTrouble(account)) return text(linkedTrouble(account)[1]);
        if (limits(account, now).length) return "";
        if (account.identifying) return account.message || text("identifyingHint");
        return account.message || (endsSoon(account, now) ? text("signInEndsHint") : "");
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
   * What else is to be known of an account with a sign-in, a sentence each: its limits, and that its sign-in ends soon.
   * `counting`: with what remains of each limit, which changes all the time.
   */
  function facts(account, now, counting = true) {
    if (account.state !== "linked") return [];
    const all = limits(account, now).map((limit) => {
      const words = limitText(limit, now);
      return counting ? text("withRest", { text: words, rest: pages.times.rest(limit.until - now) }) : words;
    });
    if (endsSoon(account, now)) all.push(text("signInEnds", { date: pages.times.day(account.signInEnds) }));
    return all;
  }

  /** The account in one line, for a list in which its name stands already. */
  function brief(account, now) {
    if (account.state !== "linked" || account.identifying || tone(account, now) === "bad") return state(account);
    return facts(account, now).join(" · ") || text("linked");
  }

  /** How the account does: `good`, `warn` (works later, in part, or after a log-in) or `bad` (the user must do something). */
  function tone(account, now) {
    if (isOtherUser(account) || linkedTrouble(account)) return "bad";
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

  pages.words = { GROUPS: [...GROUPS.keys()], group, role, shortened, name, initial, state, hint, facts, brief, tone, isShut };
})();
