/*
 * Formats times and durations in the language of the page.
 *
 * Spotify's limits last from a second to a day: short ones are shown to the second, long ones with their date. All times are
 * Unix times in milliseconds, as returned by Date.now().
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});

  const SECOND = 1000;
  const MINUTE = 60 * SECOND;
  const HOUR_IN_MINUTES = 60;
  const DAY_IN_MINUTES = 24 * HOUR_IN_MINUTES;
  /** Times that are closer than this are formatted with seconds (ms). */
  const WITH_SECONDS_MS = 2 * MINUTE;

  const format = (time, options) => new Intl.DateTimeFormat(pages.strings.locale, options).format(time);

  function isSameDay(a, b) {
    return new Date(a).toDateString() === new Date(b).toDateString();
  }

  /** Formats a time relative to `now`: the time of day, with seconds if it is close, and with the date if it isn't today. */
  function until(time, now) {
    const options = { hour: "numeric", minute: "2-digit" };
    if (time - now < WITH_SECONDS_MS) options.second = "2-digit";
    if (!isSameDay(time, now)) Object.assign(options, { weekday: "short", day: "numeric", month: "short" });
    return format(time, options);
  }

  /** Formats the date of a time, with its year. */
  function day(time) {
    return format(time, { day: "numeric", month: "long", year: "numeric" });
  }

  function formatUnit(value, unit) {
    return new Intl.NumberFormat(pages.strings.locale, { style: "unit", unit, unitDisplay: "short" }).format(value);
  }

  /** Formats a duration (ms) in its two largest units, rounded up so that it is never 0. */
  function duration(ms) {
    if (ms <= MINUTE) return formatUnit(Math.max(1, Math.ceil(ms / SECOND)), "second");
    const minutes = Math.ceil(ms / MINUTE);
    const parts = [
      ["day", Math.floor(minutes / DAY_IN_MINUTES)],
      ["hour", Math.floor((minutes % DAY_IN_MINUTES) / HOUR_IN_MINUTES)],
      ["minute", minutes % HOUR_IN_MINUTES],
    ];
    return parts
      .filter(([, value]) => value > 0)
      .slice(0, 2)
      .map(([unit, value]) => formatUnit(value, unit))
      .join(" ");
  }

  /** Formats a duration (ms) as a countdown: 0:08, 12:00, 23:57:01. */
  function countdown(ms) {
    const seconds = Math.max(0, Math.ceil(ms / SECOND));
    const pad = (value) => String(value).padStart(2, "0");
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(minutes / HOUR_IN_MINUTES);
    const tail = pad(seconds % 60);
    return hours ? `${hours}:${pad(minutes % HOUR_IN_MINUTES)}:${tail}` : `${minutes}:${tail}`;
  }

  pages.times = { until, day, duration, countdown };
})();
