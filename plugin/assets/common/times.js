/*
 * Points in time and the rest until them, in the language of the page.
 *
 * A limit of Spotify's lasts from a second to a day: short ones are said to the second, long ones with their date. All times
 * are Unix times in milliseconds, as Date.now() gives them.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});

  const SECOND = 1000;
  const MINUTE = 60 * SECOND;
  const HOUR_IN_MINUTES = 60;
  const DAY_IN_MINUTES = 24 * HOUR_IN_MINUTES;
  /** Up to this rest a point in time is said with its seconds (ms). */
  const WITH_SECONDS_MS = 2 * MINUTE;

  const format = (time, options) => new Intl.DateTimeFormat(pages.strings.locale, options).format(time);

  function sameDay(one, other) {
    return new Date(one).toDateString() === new Date(other).toDateString();
  }

  /** When that is, said as exactly as it helps at `now`: time of day, with seconds where it is near, with date where it isn't today. */
  function until(time, now) {
    const options = { hour: "numeric", minute: "2-digit" };
    if (time - now < WITH_SECONDS_MS) options.second = "2-digit";
    if (!sameDay(time, now)) Object.assign(options, { weekday: "short", day: "numeric", month: "short" });
    return format(time, options);
  }

  /** The day of that time, with its year. */
  function day(time) {
    return format(time, { day: "numeric", month: "long", year: "numeric" });
  }

  function amount(value, unit) {
    return new Intl.NumberFormat(pages.strings.locale, { style: "unit", unit, unitDisplay: "short" }).format(value);
  }

  /** A span of time in its two largest units, rounded up: what remains is never said to be nothing. */
  function rest(span) {
    if (span <= MINUTE) return amount(Math.max(1, Math.ceil(span / SECOND)), "second");
    const minutes = Math.ceil(span / MINUTE);
    const parts = [
      ["day", Math.floor(minutes / DAY_IN_MINUTES)],
      ["hour", Math.floor((minutes % DAY_IN_MINUTES) / HOUR_IN_MINUTES)],
      ["minute", minutes % HOUR_IN_MINUTES],
    ];
    return parts
      .filter(([, value]) => value > 0)
      .slice(0, 2)
      .map(([unit, value]) => amount(value, unit))
      .join(" ");
  }

  /** A span of time as a clock that runs backwards: 0:08, 12:00, 23:57:01. */
  function countdown(span) {
    const seconds = Math.max(0, Math.ceil(span / SECOND));
    const two = (value) => String(value).padStart(2, "0");
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(minutes / HOUR_IN_MINUTES);
    const tail = two(seconds % 60);
    return hours ? `${hours}:${two(minutes % HOUR_IN_MINUTES)}:${tail}` : `${minutes}:${tail}`;
  }

  pages.times = { until, day, rest, countdown };
})();
