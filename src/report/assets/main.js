// Puts the page together, from the top down.

function contents() {
  const links = [...document.querySelectorAll("main > section:not(.answer):not(.left-out)")].map(
      (section) => element("a", {href: "#" + section.id}, section.querySelector("h2").textContent));
  byId("contents").append(...links);
}

setUpTheme();
showAnswer();
setUpFront();
setUpLandscape();
setUpConvergence();
setUpTraining();
setUpNetwork();
setUpImportance();
setUpRejections();
showFacts();
contents();

addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeDrawer();
});
document.addEventListener("pointerdown", (event) => {
  // A click beside the panel closes it, except on a plot, where it may open another network.
  if (!byId("drawer").hidden && !event.target.closest("#drawer, .plot, .open, .find")) closeDrawer();
});

// For tests and for the curious.
window.assayReport = {
  report,
  plots,
  openNetwork,
  candidateByEvaluation
};
document.documentElement.dataset.ready = "true";
