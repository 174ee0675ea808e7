// Entry point of the page: starts its parts and applies the server's events to the store.

import { isUnattended, setPage } from "./api.js";
import { startAppearance } from "./appearance.js";
import { startDevice } from "./device.js";
import { startDivider } from "./divider.js";
import { connect } from "./events.js";
import { NO_PICTURE } from "./face.js";
import { openUrl } from "./links.js";
import { addLogEntry, loadLog, startLog } from "./log-drawer.js";
import { startModes } from "./mode.js";
import { startPackages } from "./packages.js";
import { startPanel } from "./panel.js";
import { startProperties } from "./properties.js";
import { openSettings, startSettings } from "./settings-dialog.js";
import { startStarter } from "./starter.js";
import { store } from "./store.js";
import { fillTexts, text } from "./strings.js";
import { announce } from "./toast.js";
import { startTransfer } from "./transfer.js";
import { runWebPackages } from "./web-packages.js";
import { startWidgetList } from "./widget-list.js";

/** How long the connection must be down before the banner is shown. */
const BANNER_DELAY_MS = 1000;
/** How long a headless page waits for a lost deck before it closes itself, because no user would close it. */
const UNATTENDED_CLOSE_DELAY_MS = 5000;

// Packages supply pictures that may not load. Error events of images don't bubble, so listen in the capture phase.
document.addEventListener(
  "error",
  ({ target }) => {
    if (target instanceof HTMLImageElement && target.getAttribute("src") !== NO_PICTURE) target.src = NO_PICTURE;
  },
  true,
);

const banner = document.getElementById("banner");
let bannerTimer = null;
let closeTimer = null;

fillTexts(document);
startAppearance();
startModes();
startPackages();
startWidgetList();
startPanel();
startStarter();
startDevice();
startTransfer();
startProperties();
startDivider();
startSettings();
startLog();

const handlers = {
  state: ({ state, page }) => {
    setPage(page);
    store.replace(state);
  },
  packages: ({ packages }) => store.setPackages(packages),
  deck: ({ deck }) => store.setDeck(deck),
  instance: ({ instance }) => store.setInstance(instance),
  instanceRemoved: ({ context }) => store.removeInstance(context),
  frames: ({ frames }) => runWebPackages(frames),
  openUrl: ({ url, package: owner }) => openUrl(url, owner),
  openSettings: ({ package: owner }) => openSettings(owner),
  log: addLogEntry,
};

connect({
  onMessage(message) {
    if (Object.hasOwn(handlers, message.type)) handlers[message.type](message);
  },
  onOpen() {
    clearTimeout(bannerTimer);
    clearTimeout(closeTimer);
    bannerTimer = closeTimer = null;
    if (!banner.hidden) {
      banner.hidden = true;
      announce(text("connectionBack"));
    }
    loadLog();
  },
  onClose() {
    if (isUnattended) closeTimer ??= setTimeout(() => window.close(), UNATTENDED_CLOSE_DELAY_MS);
    bannerTimer ??= setTimeout(() => {
      banner.textContent = text("connectionLost");
      banner.hidden = false;
    }, BANNER_DELAY_MS);
  },
});
