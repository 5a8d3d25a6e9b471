// The event stream, with a watchdog: the server speaks every two seconds, so silence means that it is gone.

const SILENCE_MS = 8000;
const RETRY_MS = 2000;

export function connect({ onEvent, onConnected, onLost }) {
  let source = null;
  let watchdog = 0;
  let lost = false;

  function alive() {
    clearTimeout(watchdog);
    watchdog = setTimeout(retry, SILENCE_MS);
    if (lost) lost = false;
  }

  function retry() {
    clearTimeout(watchdog);
    source?.close();
    if (!lost) onLost();
    lost = true;
    watchdog = setTimeout(open, RETRY_MS);
  }

  function open() {
    source = new EventSource("/api/stream");
    watchdog = setTimeout(retry, SILENCE_MS);
    source.addEventListener("open", () => {
      alive();
      onConnected();
    });
    source.addEventListener("error", retry);
    for (const kind of ["tracks", "alert", "services", "reload"]) {
      source.addEventListener(kind, (event) => {
        alive();
        onEvent[kind](JSON.parse(event.data));
      });
    }
  }

  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && retry());
  open();
}
