// Dark or light as it was chosen, before anything is painted; without a choice as the system has it.
"use strict";
try {
  const chosen = localStorage.getItem("clauditor-theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
} catch { /* storage is forbidden here: the system's choice stands */ }
