"""How a run went: figures of its file of answers, and a page that shows them."""
