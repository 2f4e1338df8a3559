"""The web page's files: served as they are, no build step. `page.md` in docs tells what the page does."""
