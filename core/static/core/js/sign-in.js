// Counts down while one has to wait with signing in, and says when the wait is over. The page says all of it without, too.

const notice = document.querySelector("[data-wait]");

if (notice) {
  const over = performance.now() + Number(notice.dataset.wait) * 1000;
  const left = notice.querySelector("[data-wait-left]");

  const tick = () => {
    const seconds = Math.ceil((over - performance.now()) / 1000);
    if (seconds > 0) {
      left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      return;
    }
    clearInterval(timer);
    notice.dataset.over = "";
    notice.querySelector("[data-wait-title]").textContent = "You can try again now.";
    notice.querySelector("[data-wait-text]").textContent = "Take your time: five wrong passwords make for another wait.";
  };

  const timer = setInterval(tick, 1000);
  tick();
}
